/* Compiled for any x86-64, so that it may be called on any: which of the kernels this processor can run. */

enum { AVX2 = 1, AVX_VNNI = 2, AVX512_VNNI = 4 };

const char *live_canary_sources(void) { return SOURCES; }

/* Each that it can run has a bit: AMD's Zen 4 and Intel's Ice Lake have AVX-512 VNNI, but not AVX-VNNI. */
int live_canary_can(void) {
    int can = 0;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni"))
        can |= AVX512_VNNI;
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c")) return can;
    return can | AVX2 | (__builtin_cpu_supports("avxvnni") ? AVX_VNNI : 0);
}
