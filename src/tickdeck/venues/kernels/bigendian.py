"""Big-endian unsigned integers in a byte array; the index is a uint64, so that LLVM makes one load and a byte swap of each."""

import numpy as np

from tickdeck.core.kernel import kernel


@kernel
def be16(data, at):
    return (np.uint64(data[at]) << np.uint64(8)) | np.uint64(data[at + np.uint64(1)])


@kernel
def be32(data, at):
    return (
        (np.uint64(data[at]) << np.uint64(24))
        | (np.uint64(data[at + np.uint64(1)]) << np.uint64(16))
        | (np.uint64(data[at + np.uint64(2)]) << np.uint64(8))
        | np.uint64(data[at + np.uint64(3)])
    )


@kernel
def be48(data, at):
    return (be16(data, at) << np.uint64(32)) | be32(data, at + np.uint64(2))


@kernel
def be64(data, at):
    return (be32(data, at) << np.uint64(32)) | be32(data, at + np.uint64(4))
