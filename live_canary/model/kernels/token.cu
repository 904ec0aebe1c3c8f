/* One token through a layer of Qwen3 in bfloat16, in five launches: `product` for the queries, keys and values, `attend`,
   and `product` for the output, the gates and the way down.

   A GPU takes 2 to 3 microseconds for a launch, however small, and a token of the published size has 3.4 GB of weights to
   read, which an H200 does in 0.8 ms: in torch's own kernels, 18 a layer, the launches would take longer than the weights.
   Numbers are rounded where torch's kernels round them. Compiled when a model is loaded, for its DIM (of a head), its
   SHARED_BY (heads of queries that share keys) and its MOST_COLUMNS; tests/model/test_token.py runs it on a processor. */

typedef unsigned short bf16;

#define NONE (-__int_as_float(0x7f800000)) /* less than any score */
#define EVERY_LANE 0xffffffffu

static __device__ float wide(bf16 value) { return __int_as_float((int)((unsigned)value << 16)); }

/* To the nearest, of two equally near ones the even; what is no number stays none. */
static __device__ bf16 narrow(float value) {
    unsigned bits = (unsigned)__float_as_int(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fc0;
    return (bf16)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

static __device__ float rounded(float value) { return wide(narrow(value)); }

static __device__ float low(unsigned pair) { return __int_as_float((int)(pair << 16)); }

static __device__ float high(unsigned pair) { return __int_as_float((int)(pair & 0xffff0000u)); }

static __device__ unsigned both(float first, float second) { return narrow(first) | (unsigned)narrow(second) << 16; }

static __device__ float dot2(unsigned a, unsigned b, float sum) { return low(a) * low(b) + (high(a) * high(b) + sum); }

static __device__ float dot8(uint4 a, uint4 b, float sum) {
    return dot2(a.x, b.x, dot2(a.y, b.y, dot2(a.z, b.z, dot2(a.w, b.w, sum))));
}

static __device__ float sum_of_lanes(float value, int lanes) {
    for (int distance = lanes / 2; distance; distance /= 2) value += __shfl_xor_sync(EVERY_LANE, value, distance);
    return value;
}

static __device__ unsigned normed2(unsigned x, unsigned weight, float inverse) {
    return both(low(x) * inverse * low(weight), high(x) * inverse * high(weight));
}

static __device__ float gated(float gate, float up) { return rounded(gate / (1.0f + expf(-gate))) * up; }

static __device__ unsigned gated2(unsigned gate, unsigned up) {
    return both(gated(low(gate), low(up)), gated(high(gate), high(up)));
}

#define PLAIN 0  /* output = weight x input */
#define ADDED 1  /* output += weight x input */
#define NORMED 2 /* output = weight x (input over its root mean square, times norm) */
#define GATED 3  /* output += weight x (silu(first half of input) x second half) */

#define WARPS 8
#define ROWS 2  /* of a warp */
#define STEPS 8 /* loads of 16 bytes for each of them under way at once */

/* weight (rows, columns), output (rows,), input and norm (columns,); the input has twice as many for GATED. */
__global__ void __launch_bounds__(32 * WARPS)
product(const uint4 *__restrict__ weight, const uint4 *__restrict__ input, const uint4 *__restrict__ norm, bf16 *output,
        int rows, int columns, int mode, double eps) {
    __shared__ uint4 ready[MOST_COLUMNS / 8];
    __shared__ float squares[WARPS];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, pieces = columns / 8;
    int first = (blockIdx.x * WARPS + warp) * ROWS;
    const uint4 *row[ROWS];
    uint4 nothing = {0, 0, 0, 0}, read[ROWS][STEPS];

    /* The weights are asked for before what they are multiplied with is ready: the way to the memory is long. */
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        row[r] = weight + (long long)(first + r < rows ? first + r : rows - 1) * pieces;
#pragma unroll
        for (int s = 0; s < STEPS; s++) read[r][s] = 32 * s + lane < pieces ? row[r][32 * s + lane] : nothing;
    }

    if (mode == NORMED) {
        float sum = 0;
        for (int p = threadIdx.x; p < pieces; p += 32 * WARPS) sum = dot8(input[p], input[p], sum);
        sum = sum_of_lanes(sum, 32);
        if (lane == 0) squares[warp] = sum;
        __syncthreads();
        sum = 0;
        for (int w = 0; w < WARPS; w++) sum += squares[w];
        float inverse = rsqrtf(sum / columns + (float)eps);
        for (int p = threadIdx.x; p < pieces; p += 32 * WARPS) {
            uint4 x = input[p], by = norm[p];
            uint4 normed = {normed2(x.x, by.x, inverse), normed2(x.y, by.y, inverse), normed2(x.z, by.z, inverse),
                            normed2(x.w, by.w, inverse)};
            ready[p] = normed;
        }
    } else {
        for (int p = threadIdx.x; p < pieces; p += 32 * WARPS) {
            uint4 x = input[p];
            if (mode == GATED) {
                uint4 up = input[pieces + p];
                uint4 opened = {gated2(x.x, up.x), gated2(x.y, up.y), gated2(x.z, up.z), gated2(x.w, up.w)};
                x = opened;
            }
            ready[p] = x;
        }
    }
    __syncthreads();

    float sums[ROWS] = {0};
    for (int start = lane; start < pieces; start += 32 * STEPS) {
#pragma unroll
        for (int s = 0; s < STEPS; s++) {
            int p = start + 32 * s, next = p + 32 * STEPS;
            if (p < pieces) {
                uint4 x = ready[p];
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    sums[r] = dot8(read[r][s], x, sums[r]);
                    if (next < pieces) read[r][s] = row[r][next];
                }
            }
        }
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        float sum = sum_of_lanes(sums[r], 32);
        if (lane == 0 && first + r < rows)
            output[first + r] = narrow(mode & ADDED ? wide(output[first + r]) + rounded(sum) : sum);
    }
}

#define READERS 16                    /* warps of a head of keys */
#define SHARERS 16                    /* lanes that read one position together, 8 numbers each */
#define GROUPS (READERS * 32 / SHARERS)
#define AT_ONCE 4                     /* positions whose keys and values a group has asked for */

/* A block for each head of keys. qkv: the heads of queries, keys and values, (DIM,) each; norms: of those of queries and
   keys; rotary (2, length, DIM): see LeanDecoder._reserve; keys and values (heads, length, DIM), into which those at
   `position` are written; attended: (DIM,) for each head of queries. */
__global__ void __launch_bounds__(32 * READERS)
attend(const bf16 *__restrict__ qkv, const bf16 *__restrict__ norms, const bf16 *__restrict__ rotary,
       const long long *__restrict__ position, bf16 *keys, bf16 *values, bf16 *attended, int length, double eps) {
    __shared__ float turned[SHARED_BY + 1][DIM]; /* the queries that share the head's keys, and its new key */
    __shared__ float most_of[READERS][SHARED_BY], sum_of[READERS][SHARED_BY], seen_of[READERS][SHARED_BY][DIM];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, head = blockIdx.x, heads = gridDim.x;
    int now = (int)*position;
    long long start = (long long)head * length * DIM;

    if (warp <= SHARED_BY) {
        int of = warp < SHARED_BY ? head * SHARED_BY + warp : heads * SHARED_BY + head;
        const bf16 *from = qkv + of * DIM, *by = norms + of * DIM, *cosines = rotary + (long long)now * DIM;
        const bf16 *sines = cosines + (long long)length * DIM;
        float sum = 0, half_turned[(DIM + 31) / 32];
        for (int d = lane; d < DIM; d += 32) sum += wide(from[d]) * wide(from[d]);
        float inverse = rsqrtf(sum_of_lanes(sum, 32) / DIM + (float)eps);
        for (int d = lane; d < DIM; d += 32)
            turned[warp][d] = rounded(rounded(wide(from[d]) * inverse) * wide(by[d]));
        __syncwarp();
#pragma unroll
        for (int i = 0; i < (DIM + 31) / 32; i++) {
            int d = lane + 32 * i;
            if (d < DIM) {
                float other = turned[warp][d < DIM / 2 ? d + DIM / 2 : d - DIM / 2];
                half_turned[i] = rounded(rounded(turned[warp][d] * wide(cosines[d])) + other * wide(sines[d]));
            }
        }
        __syncwarp();
#pragma unroll
        for (int i = 0; i < (DIM + 31) / 32; i++) {
            int d = lane + 32 * i;
            if (d < DIM) {
                turned[warp][d] = half_turned[i];
                if (warp == SHARED_BY) keys[start + (long long)now * DIM + d] = narrow(half_turned[i]);
            }
        }
    } else if (warp == SHARED_BY + 1) {
        const bf16 *from = qkv + (heads * (SHARED_BY + 1) + head) * DIM;
        for (int d = lane; d < DIM; d += 32) values[start + (long long)now * DIM + d] = from[d];
    }
    __syncthreads();

    int group = threadIdx.x / SHARERS, begin = 8 * (threadIdx.x % SHARERS);
    int reads = begin < DIM;
    float query[SHARED_BY][8], seen[SHARED_BY][8], most[SHARED_BY], sum[SHARED_BY];
#pragma unroll
    for (int q = 0; q < SHARED_BY; q++) {
        most[q] = NONE, sum[q] = 0;
#pragma unroll
        for (int i = 0; i < 8; i++) query[q][i] = reads ? turned[q][begin + i] * rsqrtf(DIM) : 0, seen[q][i] = 0;
    }
    for (int from = 0; from <= now; from += GROUPS * AT_ONCE) { /* in every lane as often: they add up together */
        uint4 nothing = {0, 0, 0, 0}, key[AT_ONCE], value[AT_ONCE];
#pragma unroll
        for (int a = 0; a < AT_ONCE; a++) {
            int at = from + a * GROUPS + group, there = reads && at <= now;
            long long place = start + (long long)at * DIM + begin;
            key[a] = there ? *(const uint4 *)(keys + place) : nothing;
            value[a] = there ? *(const uint4 *)(values + place) : nothing;
        }
#pragma unroll
        for (int a = 0; a < AT_ONCE; a++) {
            unsigned k[4] = {key[a].x, key[a].y, key[a].z, key[a].w};
            unsigned v[4] = {value[a].x, value[a].y, value[a].z, value[a].w};
#pragma unroll
            for (int q = 0; q < SHARED_BY; q++) {
                float score = 0;
#pragma unroll
                for (int i = 0; i < 4; i++) score += query[q][2 * i] * low(k[i]) + query[q][2 * i + 1] * high(k[i]);
                score = sum_of_lanes(score, SHARERS);
                if (from + a * GROUPS + group <= now) {
                    float higher = fmaxf(most[q], score), kept = expf(most[q] - higher), part = expf(score - higher);
                    most[q] = higher, sum[q] = sum[q] * kept + part;
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        seen[q][2 * i] = seen[q][2 * i] * kept + part * low(v[i]);
                        seen[q][2 * i + 1] = seen[q][2 * i + 1] * kept + part * high(v[i]);
                    }
                }
            }
        }
    }

    /* What a warp's two groups have seen, then all warps. */
#pragma unroll
    for (int q = 0; q < SHARED_BY; q++) {
        float higher = fmaxf(most[q], __shfl_xor_sync(EVERY_LANE, most[q], SHARERS));
        float kept = most[q] == NONE ? 0 : expf(most[q] - higher);
        sum[q] *= kept;
        sum[q] += __shfl_xor_sync(EVERY_LANE, sum[q], SHARERS);
        if (lane == 0) most_of[warp][q] = higher, sum_of[warp][q] = sum[q];
#pragma unroll
        for (int i = 0; i < 8; i++) {
            seen[q][i] *= kept;
            seen[q][i] += __shfl_xor_sync(EVERY_LANE, seen[q][i], SHARERS);
            if (lane < SHARERS && reads) seen_of[warp][q][begin + i] = seen[q][i];
        }
    }
    __syncthreads();
    for (int out = threadIdx.x; out < SHARED_BY * DIM; out += 32 * READERS) {
        int q = out / DIM, d = out % DIM;
        float higher = NONE, all = 0, total = 0;
        for (int w = 0; w < READERS; w++) higher = fmaxf(higher, most_of[w][q]);
        for (int w = 0; w < READERS; w++) {
            float kept = most_of[w][q] == NONE ? 0 : expf(most_of[w][q] - higher);
            all += kept * sum_of[w][q], total += kept * seen_of[w][q][d];
        }
        attended[(head * SHARED_BY + q) * DIM + d] = narrow(total / all);
    }
}
