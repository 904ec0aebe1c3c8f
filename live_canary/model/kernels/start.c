/* Compiled for any x86-64, so that it may be called on any: which of the kernels this processor can run. */

typedef void (*Parallel)(void (*)(void *), void *, unsigned, unsigned);
Parallel openmp __attribute__((visibility("hidden")));

enum { NONE, AVX2, AVX_VNNI, AVX512_VNNI };

int live_canary_start(Parallel parallel) {
    openmp = parallel;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni"))
        return AVX512_VNNI;
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c")) return NONE;
    return __builtin_cpu_supports("avxvnni") ? AVX_VNNI : AVX2;
}
