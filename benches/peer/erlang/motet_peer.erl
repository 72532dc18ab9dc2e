%% What an Erlang programmer writes instead of a protocol: processes and messages, untyped, unmonitored.
%%
%% Reads one command a line, runs it, prints `MESSAGES NANOSECONDS`, and ends with its input. One scheduler or several:
%% that is `+S`, when it is started. Spawning and stopping are not in the time, except that a process's first message
%% finds it just started.
-module(motet_peer).
-export([main/0]).

main() ->
    case io:get_line("") of
        eof -> ok;
        Line ->
            {Messages, Time} = run(string:tokens(string:trim(Line), " ")),
            io:format("~b ~b~n", [Messages, Time]),
            main()
    end.

run(["ping_pong", N]) -> ping_pong(list_to_integer(N));
run(["many_sessions", N]) -> pairs(list_to_integer(N));
run(["ring64", N]) -> ring(64, list_to_integer(N)).

timed(Work) ->
    Start = erlang:monotonic_time(nanosecond),
    Messages = Work(),
    {Messages, erlang:monotonic_time(nanosecond) - Start}.

%% Two processes that pass a number to and fro, N messages in all; neither is the one that waits for the end, because
%% that one has a group leader's and an input's messages in its box.
ping_pong(N) ->
    Rounds = (N + 1) div 2,
    Self = self(),
    B = spawn_link(fun() -> answer() end),
    A = spawn_link(fun() -> receive go -> ask(B, Rounds, 0), Self ! done end end),
    Result = timed(fun() -> A ! go, receive done -> 2 * Rounds end end),
    unlink(B),
    exit(B, kill),
    Result.

ask(_, 0, Value) -> Value;
ask(B, Rounds, Value) ->
    B ! {self(), Value},
    receive {B, Next} -> ask(B, Rounds - 1, Next) end.

answer() ->
    receive {From, Value} -> From ! {self(), Value + 1}, answer() end.

%% Many pairs that exist at once, ten messages each.
pairs(N) ->
    Self = self(),
    Starters = [pair(Self) || _ <- lists:seq(1, N)],
    timed(fun() ->
        [A ! go || A <- Starters],
        wait(N),
        10 * N
    end).

pair(Self) ->
    B = spawn(fun() -> answer(5) end),
    spawn(fun() -> receive go -> ask(B, 5, 0), Self ! done end end).

answer(0) -> ok;
answer(N) ->
    receive {From, Value} -> From ! {self(), Value + 1}, answer(N - 1) end.

wait(0) -> ok;
wait(N) -> receive done -> wait(N - 1) end.

%% As many processes round a ring; a token with the hops that are left.
ring(Roles, N) ->
    Self = self(),
    First = spawn_link(fun() -> receive {next, Next} -> hop(Next, Self) end end),
    Last = lists:foldl(fun(_, Next) -> spawn_link(fun() -> hop(Next, Self) end) end, First, lists:seq(2, Roles)),
    First ! {next, Last},
    Result = timed(fun() -> First ! {token, N}, receive done -> N end end),
    First ! stop,
    Result.

hop(Next, Self) ->
    receive
        {token, 0} -> Self ! done, hop(Next, Self);
        {token, Left} -> Next ! {token, Left - 1}, hop(Next, Self);
        stop -> Next ! stop
    end.
