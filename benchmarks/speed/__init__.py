"""Speed: ours beside its peers and beside an earlier state, in turns of CPU time.

    python -m benchmarks.speed                     # every case: 20 minutes of one idle core
    python -m benchmarks.speed --only ppo-defaults sac
    CLEANRL_SRC=folder python -m benchmarks.speed --before folder

`interleaved` is how two things are compared, `worker` what runs in each process, `cases` the list;
the rest says what is timed: wrappers, agents, fits. docs/performance.md says what came out.
"""
