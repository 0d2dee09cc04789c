"""peers.py -- how fast others train and answer with the same networks, in turn with discern

    peers.py DISCERN WORK               the table, also in WORK/table.md
    peers.py work WORK SPEC             one contender: see Worker

A contender is a process of its own, alive over all rounds (discern: a process each round), warm
before it counts.  A figure is the median over rounds in which all run in turn, a ratio the median
of the rounds' ratios.  Memory is the peak of the process.  Every peer gets its best settings:
PyTorch the faster of both layouts, fused SGD, inductor with frozen weights for answers; OpenVINO
and ONNX Runtime their own optimisations.  Networks are those of networks.py, with 1000 labels.
"""
import json
import math
import os
import statistics
import subprocess
import sys
import time

SIZE, LABELS = 224, 1000
LEAST = 0.3                     # seconds of one figure
ROUNDS = int(os.environ.get("ROUNDS", "5"))
THREADS = int(os.environ.get("THREADS", str(len(os.sched_getaffinity(0)))))
ARCHS = os.environ.get("ARCHS", "resnet18 resnet50 mobilenet_v2").split()
TASKS = os.environ.get("TASKS", "train:32 predict:1 predict:32").split()
PEERS = os.environ.get("PEERS", "eager compiled onnxruntime openvino").split()
NAMES = {"discern": "discern", "eager": "PyTorch", "compiled": "PyTorch compiled",
         "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}


# ---- contenders: each a function that returns what runs once ----------------------------------

def torch_step(spec):
    import torch
    import torch.nn.functional as F
    from networks import make

    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    net = make(spec["arch"], LABELS, SIZE)
    layout = torch.channels_last if spec["nhwc"] else torch.contiguous_format
    net = net.to(memory_format=layout)
    image = torch.randn(spec["batch"], 3, SIZE, SIZE).contiguous(memory_format=layout)
    half = torch.autocast("cpu", torch.bfloat16, enabled=spec["precision"] == "bf16")
    if spec["peer"] == "compiled" and spec["task"] == "predict":
        torch._inductor.config.freezing = True
    run = torch.compile(net) if spec["peer"] == "compiled" else net
    if spec["task"] == "predict":
        net.eval()

        def answer():
            with torch.no_grad(), half:
                run(image).float().softmax(1)
        return answer
    net.train()
    label = torch.arange(spec["batch"]) % LABELS
    how = dict(lr=1e-6, momentum=0.9, weight_decay=5e-4, nesterov=True)
    try:
        optimiser = torch.optim.SGD(net.parameters(), fused=True, **how)
    except (RuntimeError, ValueError):
        optimiser = torch.optim.SGD(net.parameters(), **how)

    def step():
        with half:
            loss = F.cross_entropy(run(image).float(), label)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return step


def onnx_file(spec, work):
    """The network with norms folded, made once, by another process: memory is measured here."""
    path = os.path.join(work, f"{spec['arch']}-{spec['batch']}.onnx")
    if not os.path.exists(path):
        make = ("import sys, warnings, torch; warnings.simplefilter('ignore');"
                "sys.path.insert(0, 'tests/interop'); from networks import make;"
                f"torch.onnx.export(make('{spec['arch']}', {LABELS}, {SIZE}).eval(),"
                f"(torch.randn({spec['batch']}, 3, {SIZE}, {SIZE}),), {path + '.new'!r},"
                "input_names=['image'], dynamo=False)")
        subprocess.run([sys.executable, "-B", "-c", make], check=True, stdout=subprocess.DEVNULL)
        os.rename(path + ".new", path)
    return path


def noise(spec):
    import numpy as np

    shape = (spec["batch"], 3, SIZE, SIZE)
    return np.random.default_rng(1).standard_normal(shape, dtype=np.float32)


def onnxruntime_step(spec, work):
    import onnxruntime

    how = onnxruntime.SessionOptions()
    how.intra_op_num_threads, how.inter_op_num_threads = THREADS, 1
    how.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(onnx_file(spec, work), how,
                                           providers=["CPUExecutionProvider"])
    image = noise(spec)
    return lambda: session.run(None, {"image": image})


def openvino_step(spec, work):
    import openvino

    how = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": THREADS,
           "INFERENCE_PRECISION_HINT": "bf16" if spec["precision"] == "bf16" else "f32"}
    model = openvino.Core().compile_model(onnx_file(spec, work), "CPU", how)
    request, image = model.create_infer_request(), openvino.Tensor(noise(spec))
    return lambda: request.infer([image])


def work_loop(work, spec):
    """Answers each line of stdin with the seconds of a run."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    steps = {"onnxruntime": onnxruntime_step, "openvino": openvino_step}
    run = steps[spec["peer"]](spec, work) if spec["peer"] in steps else torch_step(spec)
    for _ in range(2):
        run()
    print("ready", flush=True)
    for _ in sys.stdin:
        start, n = time.perf_counter(), 0
        while not n or time.perf_counter() - start < LEAST:
            run()
            n += 1
        print((time.perf_counter() - start) / n, flush=True)


# ---- the driver ----------------------------------------------------------------------------------

class Worker:
    """A peer's process.  time() is None when it could not do it; `why` is the last it said."""

    def __init__(self, work, spec):
        self.spec, self.peak = spec, 0
        self.log = open(os.path.join(work, "log"), "w+")
        self.process = subprocess.Popen(
            [sys.executable, "-B", __file__, "work", work, json.dumps(spec)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.alive = self.process.stdout.readline() == "ready\n"
        if not self.alive:
            self.log.seek(0)
            said = self.log.read().strip().splitlines() or ["no word"]
            print(f"peers: {title(spec)}: {said[-1][:150]}", file=sys.stderr)
            self.close()

    def time(self):
        if not self.alive:
            return None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        self.alive = bool(line)
        if not line:
            return None
        with open(f"/proc/{self.process.pid}/status") as f:
            self.peak = next(1024 * int(s.split()[1]) for s in f if s.startswith("VmHWM"))
        return float(line)

    def close(self):
        self.alive = False
        self.process.stdin.close()
        self.process.wait()
        self.log.close()


class Discern:
    """A process each time, which warms up by itself."""

    def __init__(self, program, spec):
        self.spec, self.alive, self.peak = spec, True, 0
        self.command = [program, "bench", "--json", "--arch", spec["arch"], "--size", str(SIZE),
                        "--labels", str(LABELS), "--batch", str(spec["batch"]), "--rounds", "3",
                        "--only", spec["task"], "--precision", spec["precision"], "--threads",
                        str(THREADS)]

    def time(self):
        done = subprocess.run(self.command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"peers: {done.stderr.strip()}", file=sys.stderr)
            self.alive = False
            return None
        told = json.loads(done.stdout)
        self.peak = max(self.peak, told["process_bytes"])
        return told["networks"][0]["seconds"]

    def close(self):
        pass


def title(spec):
    layout = "" if "nhwc" not in spec else ", NHWC" if spec["nhwc"] else ", NCHW"
    return f"{NAMES[spec['peer']]} {spec['precision']}{layout}"


def best_layout(work, spec):
    """The faster of PyTorch's layouts, in eager mode."""
    seconds = {}
    for nhwc in (False, True):
        w = Worker(work, spec | {"peer": "eager", "nhwc": nhwc})
        times = [w.time() for _ in range(3)]
        if None not in times:
            seconds[nhwc] = statistics.median(times)
            w.close()
    return min(seconds, key=seconds.get) if seconds else True


def contenders(program, work, arch, task, batch):
    all_ = []
    for precision in ("fp32", "bf16"):
        spec = {"arch": arch, "task": task, "batch": batch, "precision": precision}
        all_.append(Discern(program, spec | {"peer": "discern"}))
        torch = [p for p in PEERS if p in ("eager", "compiled")]
        nhwc = best_layout(work, spec) if torch else None
        for peer in torch:
            all_.append(Worker(work, spec | {"peer": peer, "nhwc": nhwc}))
        for peer in ("onnxruntime", "openvino"):
            if peer in PEERS and task == "predict" and (peer, precision) != ("onnxruntime", "bf16"):
                all_.append(Worker(work, spec | {"peer": peer}))
    return all_


def measure(all_):
    """seconds[contender][round]; the order turns."""
    seconds = [[] for _ in all_]
    for r in range(ROUNDS):
        for i in range(len(all_)):
            k = (i + r) % len(all_)
            time.sleep(0.1)             # threads of the one before go to sleep
            seconds[k].append(all_[k].time())
    return [s if all(s) else None for s in seconds]


def ratio(ours, theirs):
    """How many times faster ours is."""
    return statistics.median(t / o for o, t in zip(ours, theirs))


def part(arch, task, batch, all_, seconds, out):
    """The rows of one network and task; returns {precision: ratio against the best PyTorch}."""
    ours = {c.spec["precision"]: s for c, s in zip(all_, seconds) if c.spec["peer"] == "discern"}
    best = {}
    for c, s in zip(all_, seconds):
        if not s:
            continue
        p, peer = c.spec["precision"], c.spec["peer"]
        middle, low, high = statistics.median(s), min(s), max(s)
        faster = ratio(ours[p], s) if peer != "discern" and ours[p] else None
        if faster and peer in ("eager", "compiled"):
            best[p] = min(best.get(p, math.inf), faster)
        out.append(f"| {arch} {task} {batch} | {title(c.spec)} | {1e3 * middle:.1f} "
                   f"({1e3 * low:.1f}-{1e3 * high:.1f}) | {batch / middle:.1f} | "
                   f"{'' if faster is None else f'**{faster:.2f}**'} | {c.peak / 2**20:.0f} MB |")
    return best


def main(program, work):
    out = ["| what, pictures | who | ms (least-most) | pictures/s | discern is faster | peak memory |",
           "|---|---|---:|---:|---:|---:|"]
    print("\n".join(out), flush=True)
    logs = {}
    for arch in ARCHS:
        for task, batch in ((t.split(":")[0], int(t.split(":")[1])) for t in TASKS):
            rows = []
            all_ = contenders(program, work, arch, task, batch)
            best = part(arch, task, batch, all_, measure(all_), rows)
            for c in all_:
                if c.alive:
                    c.close()
            for precision, faster in best.items():
                logs.setdefault((task, batch, precision), []).append(math.log(faster))
            out += rows
            print("\n".join(rows), flush=True)
    for (task, batch, precision), log in logs.items():
        line = (f"{task} {batch}, {precision}: {math.exp(sum(log) / len(log)):.2f} of the better of "
                f"PyTorch's modes, geometric mean of {len(log)}")
        out.append("\n" + line)
        print("\n" + line)
    with open(os.path.join(work, "table.md"), "w") as f:
        f.write("\n".join(out) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "work":
        work_loop(sys.argv[2], json.loads(sys.argv[3]))
    else:
        main(sys.argv[1], sys.argv[2])
