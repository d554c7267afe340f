"""Workers in other processes and on other machines, by Dask; and pieces kept on disk.

    with workers("local:2") as worker: ...
    with workers("tcp://10.0.0.1:8786") as worker: ...
    with workers("slurm", config="cluster.toml") as worker: ...

What the pieces share is sent to every worker once. A lost worker costs its piece only, which is
made elsewhere. The results do not depend on the number of workers.
`resumed` remembers what any of them has made, so that an interrupted run goes on.
"""

from noiseprune.cluster.pool import check_workers, workers
from noiseprune.cluster.resume import Kept, resumed
from noiseprune.cluster.slurm import job_script, slurm_options

__all__ = ["Kept", "check_workers", "job_script", "resumed", "slurm_options", "workers"]
