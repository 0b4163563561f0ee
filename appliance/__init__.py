"""An offline voice and small-language-model appliance for single-board computers."""

import os

__version__ = "0.1.0"

# numpy's matrices are small here, and for a second thread a look at a sentence waits longer than
# for the sum: ten times as long as soon as anything else runs. Read when numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
