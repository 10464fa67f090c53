"""Extensions in Rust with threads of their own: a data frame engine, a tokenizer, a file watcher,
cryptography, JSON."""
import os
import tempfile
import threading
import time

import orjson
import polars
import tokenizers
import watchfiles
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

frame = polars.DataFrame({"key": [n % 97 for n in range(300000)], "value": range(300000)})
for _ in range(5):
    summed = frame.lazy().group_by("key").agg(polars.col("value").sum()).collect()
assert summed.height == 97
path = os.path.join(tempfile.mkdtemp(), "frame.csv")
frame.write_csv(path)
assert polars.read_csv(path).height == 300000

tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="[UNK]"))
tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
trainer = tokenizers.trainers.BpeTrainer(vocab_size=500, special_tokens=["[UNK]"],
                                         show_progress=False)
lines = ["the number %d has a square of %d" % (n, n * n) for n in range(3000)]
tokenizer.train_from_iterator(lines, trainer)
assert len(tokenizer.encode_batch(lines)) == 3000

folder = tempfile.mkdtemp()
stop = threading.Event()


def touch():
    time.sleep(0.5)
    with open(os.path.join(folder, "new"), "w"):
        pass


threading.Thread(target=touch).start()
for changes in watchfiles.watch(folder, stop_event=stop, debounce=200, yield_on_timeout=True,
                                rust_timeout=3000):
    assert changes
    break
key = rsa.generate_private_key(65537, 2048)
Scrypt(salt=b"salt", length=32, n=2**14, r=8, p=1).derive(b"secret")
assert orjson.loads(orjson.dumps(list(range(100000))))[7] == 7
