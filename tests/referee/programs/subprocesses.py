"""Trees of processes: pipes, shells, Python children and grandchildren, time limits, a pool."""
import concurrent.futures
import os
import subprocess
import sys

assert subprocess.check_output(["sh", "-c", "sleep 0.2; echo yes"]) == b"yes\n"
assert subprocess.run("sleep 0.1 | cat", shell=True, check=False).returncode == 0
child = subprocess.Popen([sys.executable, "-c", "import time,sys; print(len(sys.stdin.read())); "
                          "time.sleep(0.2)"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert child.communicate(b"x" * 200000)[0] == b"200000\n"
tree = ("import subprocess,sys; subprocess.check_call([sys.executable, '-c', "
        "'import time; time.sleep(0.2)'])")
subprocess.check_call([sys.executable, "-c", tree])
try:
    subprocess.run(["sleep", "5"], timeout=0.3, check=False)
except subprocess.TimeoutExpired:
    pass
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda n: subprocess.check_call(["sleep", str(0.05 * n)]), range(6)))
assert os.system("sleep 0.1") == 0
with os.popen("sleep 0.1; echo x") as pipe:
    assert pipe.read() == "x\n"
pid = os.fork()
if pid == 0:
    subprocess.call(["sleep", "0.1"])
    os._exit(3)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
pid = os.posix_spawn("/bin/sleep", ["sleep", "0.1"], os.environ)
os.waitid(os.P_PID, pid, os.WEXITED)
