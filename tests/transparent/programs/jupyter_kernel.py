"""A Jupyter kernel: cells that print, fail, start a process, use a thread, are interrupted."""
from jupyter_client.manager import start_new_kernel

from common import say

CELLS = ["x = 6 * 7; print('out', x); x",
         "import sys; print('err', file=sys.stderr)",
         "!echo from a shell; exit 3",
         "1 / 0",
         "import threading; t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()",
         "import subprocess; subprocess.run(['sh', '-c', 'echo e >&2'], capture_output=True).stderr",
         "import os; os.write(2, b'straight\\n')"]

manager, client = start_new_kernel(kernel_name="python3")


def execute(text, interrupt=False):
    """What the cell sent, streams joined."""
    streams, others = {}, []

    def hook(message):
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            streams[content["name"]] = streams.get(content["name"], "") + content["text"]
            if interrupt:
                manager.interrupt_kernel()
        elif kind == "execute_result":
            others.append(content["data"]["text/plain"])
        elif kind == "error":
            others.append((content["ename"], content["evalue"]))

    reply = client.execute_interactive(text, timeout=60, output_hook=hook)
    say(reply["content"]["status"], sorted(streams.items()), others)


for cell in CELLS:
    execute(cell)
execute("import time; print('sleeps', flush=True); time.sleep(50)", interrupt=True)
client.stop_channels()
manager.shutdown_kernel()
say("alive:", manager.is_alive())
