/* Matrices in 8- or 4-bit weights, and the layers of the model around them, for x86 processors with AVX-512 VNNI.

   Weights lie as the processor multiplies them: panels of 16 outputs, of each output 4 inputs in a row, unsigned.
   Activations are rounded to 8 bits. Of every 64 (or 32) inputs of an output weights and activations have a scale each.
   Unsigned weights are 128 (or 8) too large; what this adds, 128 * sum(x), is taken off again. The integer sums of a group
   are exact; the groups are added up in one order, whatever the number of threads or of rows.

   Knows nothing of Python, files or checkpoints; __init__.py says how each tensor is laid out. */

#include "conformer.h"
#include "qwen3.h"

int live_canary_matmul_avx512(const Matrix *w, const float *x, float *y, int64_t rows, int threads) {
    return matmul(w, x, y, rows, threads);
}
