"""The offline side: corpora, preparation, networks, training, export and evaluation. Needs the extra ``offline``."""

import os

# Before TensorFlow is loaded: it prints its build and every missing device to stderr otherwise, and without this its
# results depend on how its kernels happen to be scheduled.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# The networks are small: threads only get in one another's way, and sums in another order differ in their last bits.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
