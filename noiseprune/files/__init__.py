"""Networks and trajectories on disk.

| suffix | holds | leak | labels |
|---|---|---|---|
| .npz | W as `scipy.sparse.load_npz` reads it | yes | yes |
| .mat | variables W, leak, labels (MATLAB 5 to 7) | yes | yes |
| .graphml, .gml | networkx graph, edges from pre to post with `weight` | as node attribute | yes |
| .csv, .tsv | table of pre, post, weight | no | yes |
| .npy | dense W | no | no |
| .mtx | Matrix Market, W | no | no |

All keep W exactly, to the last bit. A write goes to a temporary file in the same folder and
is renamed when complete.
"""

from noiseprune.files.atomic import write_atomically
from noiseprune.files.networks import check_destination, holds_leak, load, save
from noiseprune.files.trajectories import load_trajectory, save_trajectory

__all__ = [
    "check_destination",
    "holds_leak",
    "load",
    "load_trajectory",
    "save",
    "save_trajectory",
    "write_atomically",
]
