#!/bin/sh
# Puts the pinned CUDA compiler into .tools/cuda, for machines without nvcc. Usage: scripts/setup_cuda.sh
#
# CUDA 13.0: what it makes runs with every driver for CUDA 13. The disassemblers, for `make cuda-report`, exist as
# wheels since 13.2 only.
set -eu
cd "$(dirname "$0")/.."

echo "Setting up the CUDA 13.0 compiler"
folder=.tools/cuda
rm -rf "$folder"
mkdir -p "$folder"
cat > .tools/cuda.txt <<'EOF'
nvidia-cuda-nvcc==13.0.88 --hash=sha256:56fe502eb77625a12f25172caa3cdddb4e4c8ba2c8c17dba44b164761b380f03
nvidia-nvvm==13.0.88 --hash=sha256:c5f41ffeb6466944a026dfa5317d7d85355c119bbec279205d22f1869d1054e0
nvidia-cuda-crt==13.0.88 --hash=sha256:2c8043c7c9e02492716426e9919fc78d2c5b3b2a7a768a88e952676b08aa55a4
nvidia-cuda-runtime==13.0.96 --hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
nvidia-cuda-cccl==13.0.85 --hash=sha256:e0da7ad981f3a8aff08241b5bfc1af868742a63e2762f53a5171c492ef242649
nvidia-cuda-nvdisasm==13.2.78 --hash=sha256:b4ebcd3c5046bf8039ac52675b9dbefd843600969649ecaab0a42b0713a61dae
nvidia-cuda-cuobjdump==13.2.78 --hash=sha256:394087411405b846bf43aa52ca2ff603bbe18b3b8a1257cda0903e23c17bdbf3
EOF
PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-input --no-deps --only-binary :all: \
  --require-hashes --target "$folder" --requirement .tools/cuda.txt
if ! "$folder/nvidia/cu13/bin/nvcc" --version > /dev/null; then
  echo "Cannot set up CUDA: expected $folder/nvidia/cu13/bin/nvcc to run" >&2
  exit 1
fi
