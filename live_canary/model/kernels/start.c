/* Compiled for every processor of its kind, so that it may be called on any: which of the kernels this one can run. */

const char *live_canary_sources(void) { return SOURCES; }

#ifdef _WIN32
/* Called when the library is loaded. Of the C library malloc and free are used, for which nothing has to be started. */
int _DllMainCRTStartup(void *library, unsigned long why, void *reserved) {
    (void)library, (void)why, (void)reserved;
    return 1;
}
#endif

#ifdef __aarch64__
enum { NEON = 1 };

#ifdef __linux__
#include <sys/auxv.h>

int live_canary_can(void) { return getauxval(AT_HWCAP) & 1 << 20 /* ASIMDDP */ ? NEON : 0; }
#else
int live_canary_can(void) { return NEON; } /* Apple's all can */
#endif

#else
#include <cpuid.h>
#include <stdint.h>

/* What common.h asks ahead for. Intel's processors ask for too little themselves, not beyond a page of 4 KB: measured on a Xeon
   with AMX. AMD's Zen 4 reads more slowly where it is asked to. */
enum { PAGE = 4096 };
__attribute__((visibility("hidden"))) int64_t ahead;

enum { AVX2 = 1, AVX_VNNI = 2, AVX512_VNNI = 4, AMX = 8 };
enum { FMA = 1 << 12, OSXSAVE = 1 << 27, F16C = 1 << 29 }; /* of leaf 1 */
enum { AMX_TILES = 1 << 24 | 1 << 25 };                    /* of leaf 7: there are some, and they multiply bytes */
enum { YMM = 0x06, ZMM = 0xe6 };                           /* registers that the system saves */

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>

enum { TILES = 0x60000, REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };

/* Linux gives tiles to a process that asks for them; signals on a stack of their own then need more room there. */
static int may_use_tiles(unsigned saved) {
    return (saved & TILES) == TILES && !syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA);
}
#else
static int may_use_tiles(unsigned saved) {
    (void)saved;
    return 0;
}
#endif

static int is_intel(void) {
    unsigned highest, b, c, d;
    return __get_cpuid(0, &highest, &b, &c, &d) && b == signature_INTEL_ebx && d == signature_INTEL_edx &&
           c == signature_INTEL_ecx;
}

/* Each that it can run has a bit: AMD's Zen 4 and Intel's Ice Lake have AVX-512 VNNI, but not AVX-VNNI. */
int live_canary_can(void) {
    unsigned a, b, c, d, first, saved, can = 0;
    if (!__get_cpuid(1, &a, &b, &first, &d) || !(first & OSXSAVE)) return 0;
    ahead = is_intel() ? PAGE : 0;
    __asm__("xgetbv" : "=a"(saved), "=d"(d) : "c"(0));
    if ((saved & YMM) != YMM || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    const unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512VL;
    if ((saved & ZMM) == ZMM && (b & avx512) == avx512 && c & bit_AVX512VNNI) can |= AVX512_VNNI;
    if (can && (d & AMX_TILES) == AMX_TILES && may_use_tiles(saved)) can |= AMX;
    if (!(b & bit_AVX2) || !(first & FMA) || !(first & F16C)) return can;
    can |= AVX2;
    if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && a & 1 << 4) can |= AVX_VNNI;
    return can;
}
#endif
