"""Samples per CPU-second of the same training by other programs.

    compare.py torch|sklearn softmax|mlp EPOCHS FOLDER

FOLDER holds the MNIST test set as IDX files (gzip). The first 8,000 images are
trained on with mini-batches of 128, momentum 0.9 and one thread; the first epoch
warms up and does not count. Prints one number.
"""

import gzip
import os
import sys
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np

N, BATCH = 8000, 128


def images(folder):
    with gzip.open(os.path.join(folder, "t10k-images-idx3-ubyte.gz")) as f:
        x = np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 784)[:N]
    with gzip.open(os.path.join(folder, "t10k-labels-idx1-ubyte.gz")) as f:
        y = np.frombuffer(f.read(), np.uint8, offset=8)[:N]
    return (x / np.float32(255)).astype(np.float32), y.astype(np.int64)


def torch_epoch(model, x, y):
    import torch

    torch.set_num_threads(1)
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    layers = [torch.nn.Linear(784, 10)]
    if model == "mlp":
        layers = [torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)]
    net = torch.nn.Sequential(*layers)
    rule = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    loss = torch.nn.CrossEntropyLoss()

    def epoch():
        order = torch.randperm(N)
        for at in range(0, N, BATCH):
            rows = order[at:at + BATCH]
            rule.zero_grad(set_to_none=True)
            loss(net(x[rows]), y[rows]).backward()
            rule.step()

    return epoch


def sklearn_epoch(model, x, y):
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")
    hidden = (256, 128) if model == "mlp" else ()
    net = MLPClassifier(hidden, solver="sgd", batch_size=BATCH, learning_rate_init=0.05, momentum=0.9,
                        nesterovs_momentum=False, alpha=0, max_iter=1, warm_start=True, random_state=1)
    return lambda: net.fit(x, y)


def main():
    program, model, epochs, folder = sys.argv[1:]
    x, y = images(folder)
    epoch = {"torch": torch_epoch, "sklearn": sklearn_epoch}[program](model, x, y)
    epoch()
    began = time.process_time()
    for _ in range(int(epochs)):
        epoch()
    print(N * int(epochs) / (time.process_time() - began))


main()
