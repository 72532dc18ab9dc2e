//! Growth: the exponent of cost against size.

/// The slope of the least-squares line through the logarithms of (size, cost): cost ~ size ^ slope. None for fewer
/// than two distinct sizes. Points that are not positive are left out.
pub fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<(f64, f64)> =
        points.iter().filter(|(size, cost)| *size > 0.0 && *cost > 0.0).map(|(s, c)| (s.ln(), c.ln())).collect();
    let count = logs.len() as f64;
    let x = logs.iter().map(|point| point.0).sum::<f64>() / count;
    let y = logs.iter().map(|point| point.1).sum::<f64>() / count;
    let spread: f64 = logs.iter().map(|point| (point.0 - x).powi(2)).sum();
    let shared: f64 = logs.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    (logs.len() >= 2 && spread > 0.0).then(|| shared / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_law_is_recovered() {
        for power in [0.0, 1.0, 1.5, 2.0] {
            let points: Vec<(f64, f64)> = (1..8).map(|n| (f64::from(n), 3.0 * f64::from(n).powf(power))).collect();
            let slope = exponent(&points).expect("several sizes");
            assert!((slope - power).abs() < 1e-9, "{slope} is not {power}");
        }
    }

    #[test]
    fn one_size_has_no_growth() {
        assert_eq!(exponent(&[]), None);
        assert_eq!(exponent(&[(5.0, 1.0), (5.0, 2.0)]), None);
    }
}
