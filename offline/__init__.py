"""The offline side: corpora, preparation, networks, training, export and evaluation. Needs the extra ``offline``."""
