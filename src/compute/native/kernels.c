// The kernels of ../wasm/assembly in C, for vectors as wide as this processor's: same records, same memory, same order of work. What a
// record's field means stands in ../fused/records.ts; why things are as they are, in the assembly's files of the same names.
//
// Addresses in records are bytes from the memory's start, `base`. There are two builds. In the fast one multiplications and additions may
// fuse: the compiler decides, once for every function here, so results are the same bits for one build. What acting and learning must
// agree on (mixBlock) is therefore one function that is never inlined, and rows go through whole vectors only: no remainder loop could
// round otherwise. With -DEXACT and -ffp-contract=off panels are as wide as the assembly's, nothing fuses, and every sum has the
// assembly's order: the bits are those of WebAssembly, on every machine.
//
// BLOCK_ROWS, CHUNKS, JOB_*, STAT* come from ../fused/constants.ts by -D.

#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "records.h"

#if defined(__AVX512F__) && !defined(EXACT)
#define PANEL 16
#else
#define PANEL 8
#endif
// Rows of a tile, and doubles of a vector.
#define LANES (PANEL / 2)
#define PANEL_FLOATS (BLOCK_ROWS * PANEL)

#define ALWAYS static inline __attribute__((always_inline))
#define NEVER_INLINED static __attribute__((noinline))

typedef float vec __attribute__((vector_size(PANEL * 4)));
typedef int32_t ivec __attribute__((vector_size(PANEL * 4)));
typedef float half __attribute__((vector_size(PANEL * 2)));
typedef int32_t ihalf __attribute__((vector_size(PANEL * 2)));
typedef double wide __attribute__((vector_size(PANEL * 4)));
typedef int64_t iwide __attribute__((vector_size(PANEL * 4)));
typedef uint64_t uwide __attribute__((vector_size(PANEL * 4)));

typedef uint8_t *Address;

/** Binary observations of rows whose numbers stand in a list. */
struct Rows {
  const uint32_t *numbers;
  uint32_t count;
  uint32_t stride;
  const uint16_t *counts;
  const uint16_t *features;
};

ALWAYS const struct Network *networkAt(Address base, const struct Model *model, uint32_t index) {
  return (const struct Network *)(base + model->networks) + index;
}

ALWAYS const struct Layer *layerAt(Address base, const struct Network *network, uint32_t depth) {
  return (const struct Layer *)(base + network->layers) + depth;
}

ALWAYS const struct TrunkLayer *trunkAt(Address base, const struct Network *network, uint32_t depth) {
  return (const struct TrunkLayer *)(base + network->trunk) + depth;
}

ALWAYS struct Group *groupAt(Address base, const struct Model *model, uint32_t index) {
  return (struct Group *)(base + model->groups) + index;
}

ALWAYS float *floats(Address base, uint32_t offset) { return (float *)(base + offset); }

ALWAYS uint32_t padded(uint32_t rows) { return (rows + LANES - 1) / LANES * LANES; }

// --- Vectors ---

ALWAYS vec load(const float *at) { return *(const vec *)at; }
ALWAYS void store(float *at, vec x) { *(vec *)at = x; }
ALWAYS vec splat(float x) { return x - (vec){}; }
ALWAYS wide loadWide(const double *at) { return *(const wide *)at; }
ALWAYS void storeWide(double *at, wide x) { *(wide *)at = x; }
ALWAYS wide splatWide(double x) { return x - (wide){}; }
ALWAYS wide promote(half x) { return __builtin_convertvector(x, wide); }
ALWAYS half demote(wide x) { return __builtin_convertvector(x, half); }
ALWAYS wide rounded(wide x) { return promote(demote(x)); }
/** x where mask, else 0. */
ALWAYS wide keep(wide x, iwide mask) { return (wide)((iwide)x & mask); }
/** a where mask, else b. */
ALWAYS wide choose(iwide mask, wide a, wide b) { return (wide)(((iwide)a & mask) | ((iwide)b & ~mask)); }
/** max(floor, x); NaN stays NaN: a diverged network must not look alive. */
ALWAYS vec rectify(vec x, vec floor) {
  ivec under = x < floor;
  return (vec)(((ivec)floor & under) | ((ivec)x & ~under));
}
ALWAYS wide least(wide a, wide b) { return choose(b < a, b, a); }
ALWAYS wide most(wide a, wide b) { return choose(a < b, b, a); }
ALWAYS wide magnitude(wide x) { return keep(x, (iwide){} + INT64_MAX); }

/** The sum of `count` numbers, a power of two and at least two: neighbouring pairs are added until one is left, then its two numbers. */
ALWAYS double sumPairs(double *x, int count) {
  for (; count > 2; count /= 2) {
    for (int i = 0; i < count / 2; i++) x[i] = x[i / 2 * 4 + i % 2] + x[i / 2 * 4 + 2 + i % 2];
  }
  return x[0] + x[1];
}

ALWAYS half lower(vec x) {
  half y;
  memcpy(&y, &x, sizeof y);
  return y;
}

ALWAYS half upper(vec x) {
  half y;
  memcpy(&y, (const char *)&x + sizeof y, sizeof y);
  return y;
}

#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (ihalf){__VA_ARGS__})
#endif

/** The sums of the lanes of each of LANES vectors: halves of them are added pairwise until a lane is left of each. */
ALWAYS half laneSums(half *s) {
#if LANES == 8
  for (int i = 0; i < 4; i++) {
    s[i] = SHUFFLE(s[i], s[i + 4], 0, 1, 2, 3, 8, 9, 10, 11) + SHUFFLE(s[i], s[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
  for (int i = 0; i < 2; i++) {
    s[i] = SHUFFLE(s[i], s[i + 2], 0, 1, 8, 9, 4, 5, 12, 13) + SHUFFLE(s[i], s[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  return SHUFFLE(s[0], s[1], 0, 8, 2, 10, 4, 12, 6, 14) + SHUFFLE(s[0], s[1], 1, 9, 3, 11, 5, 13, 7, 15);
#else
  for (int i = 0; i < 2; i++) s[i] = SHUFFLE(s[i], s[i + 2], 0, 1, 4, 5) + SHUFFLE(s[i], s[i + 2], 2, 3, 6, 7);
  return SHUFFLE(s[0], s[1], 0, 4, 2, 6) + SHUFFLE(s[0], s[1], 1, 5, 3, 7);
#endif
}

// --- exp and log, as in ../wasm/assembly/math.ts ---

#define LOG2E 1.4426950408889634
#define LN2_HIGH 0.6931471803691238
#define LN2_LOW 1.9082149292705877e-10
#define ROUND 6755399441055744.0

ALWAYS wide expWide(wide x) {
  wide shifted = ROUND + x * LOG2E;
  wide k = shifted - ROUND;
  wide r = (x - k * LN2_HIGH) - k * LN2_LOW;
  wide r2 = r * r, r4 = r2 * r2;
  wide a = (1.0 + r) + r2 * (0.5 + r * 0.16666666666666666);
  wide b = (0.041666666666666664 + r * 0.008333333333333333) + r2 * (0.001388888888888889 + r * 0.0001984126984126984);
  wide c = (2.48015873015873e-5 + r * 2.7557319223985893e-6) + r2 * (2.755731922398589e-7 + r * 2.505210838544172e-8);
  wide d = 2.08767569878681e-9 + r * 1.6059043836821613e-10;
  wide p = a + r4 * (b + r4 * (c + r4 * d));
  wide e = (wide)((uwide)p + ((uwide)shifted << 52));
  e = keep(e, x > -708.0);
  e = choose(x > 709.782712893384, splatWide(__builtin_inf()), e);
  return choose(x == x, e, x);
}

ALWAYS wide logWide(wide x) {
  uwide shifted = (uwide)x + 0x00095f619980c433u;
  wide e = (wide)((shifted >> 52) | 0x4330000000000000u) - (4503599627370496.0 + 1023.0);
  wide m = (wide)((shifted & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu);
  wide s = (m - 1.0) / (m + 1.0);
  wide q = s * s, q2 = q * q, q4 = q2 * q2;
  wide a = (0.3333333333333333 + q * 0.2) + q2 * (0.14285714285714285 + q * 0.1111111111111111);
  wide b = (0.09090909090909091 + q * 0.07692307692307693) + q2 * (0.06666666666666667 + q * 0.058823529411764705);
  wide c = 0.05263157894736842 + q * 0.047619047619047616;
  wide series = q * (a + q4 * (b + q4 * c));
  wide s2 = s + s;
  wide low = s2 * series + e * LN2_LOW;
  wide y = e * LN2_HIGH + (s2 + low);
  y = choose(x == __builtin_inf(), x, y);
  y = choose(x > 0.0, y, splatWide(__builtin_nan("")));
  return choose(x == 0.0, splatWide(-__builtin_inf()), y);
}

double exponential(double x) { return expWide(splatWide(x))[0]; }
double logarithm(double x) { return logWide(splatWide(x))[0]; }

// --- Dense layers: tiles of LANES rows by one or two joints ---

#if defined(__AVX512F__) && defined(EXACT)
#include <immintrin.h>
// Panels of eight leave half of such a vector empty, so it takes two of them.
#define JOINED 2
typedef float joint __attribute__((vector_size(JOINED * PANEL * 4)));

/** Two panels, `apart` floats from each other. By intrinsics: of memcpy, GCC makes a detour through memory. */
ALWAYS joint loadJoint(const float *at, size_t apart) {
  return (joint)_mm512_insertf64x4(_mm512_castpd256_pd512((__m256d)load(at)), (__m256d)load(at + apart), 1);
}

ALWAYS vec panelOf(joint x, int p) {
  return p == 0 ? (vec)_mm512_castpd512_pd256((__m512d)x) : (vec)_mm512_extractf64x4_pd((__m512d)x, 1);
}
#else
#define JOINED 1
typedef vec joint;
ALWAYS joint loadJoint(const float *at, size_t apart) {
  (void)apart;
  return load(at);
}
ALWAYS vec panelOf(joint x, int p) {
  (void)p;
  return x;
}
#endif

/**
 * `tiles` over all panels of a layer: two joints at a time, then one, then a single panel that is joined with itself: both halves of it
 * load, compute and store the same. Its last arguments are the first column, the number of joints, and the panels from a joint's first
 * to its second.
 */
#define EACH_JOINT(width, tiles, ...)                                                       \
  do {                                                                                      \
    uint32_t column = 0;                                                                    \
    for (; column + 2 * JOINED * PANEL <= (width); column += 2 * JOINED * PANEL) {          \
      tiles(__VA_ARGS__, column, 2, 1);                                                     \
    }                                                                                       \
    for (; column + JOINED * PANEL <= (width); column += JOINED * PANEL) {                  \
      tiles(__VA_ARGS__, column, 1, 1);                                                     \
    }                                                                                       \
    for (; column < (width); column += PANEL) tiles(__VA_ARGS__, column, 1, 0);             \
  } while (0)

/** c += a B for a tile: `a` [LANES rows] of `inputs` columns in panels, `b` the weights of the tile's first panel. */
ALWAYS void multiplyTile(joint c[LANES][2], const float *a, const float *b, uint32_t inputs, int joints, size_t next) {
  const size_t panel = (size_t)inputs * PANEL;
  for (uint32_t i = 0; i < inputs; i += PANEL) {
    for (int lane = 0; lane < PANEL; lane++) {
      joint w[2];
      for (int j = 0; j < joints; j++) w[j] = loadJoint(b + j * JOINED * panel, next * panel);
      for (int r = 0; r < LANES; r++) {
        for (int j = 0; j < joints; j++) c[r][j] += a[r * PANEL + lane] * w[j];
      }
      b += PANEL;
    }
    a += PANEL_FLOATS;
  }
}

ALWAYS void forwardTiles(const float *input, uint32_t inputs, const float *weights, const float *bias, float *output,
                         uint32_t rows, float floor, uint32_t column, int joints, size_t next) {
  const vec floors = splat(floor);
  for (uint32_t row = 0; row < rows; row += LANES) {
    joint c[LANES][2];
    for (int j = 0; j < joints; j++) {
      for (int r = 0; r < LANES; r++) c[r][j] = loadJoint(bias + column + j * JOINED * PANEL, next * PANEL);
    }
    multiplyTile(c, input + row * PANEL, weights + (size_t)column * inputs, inputs, joints, next);
    for (int r = 0; r < LANES; r++) {
      for (int j = 0; j < joints; j++) {
        for (int p = 0; p < JOINED; p++) {
          float *to = output + column * BLOCK_ROWS + (j * JOINED + p * next) * PANEL_FLOATS + (row + r) * PANEL;
          store(to, rectify(panelOf(c[r][j], p), floors));
        }
      }
    }
  }
}

static void denseForward(const float *input, uint32_t inputs, const float *weights, const float *bias, float *output,
                         uint32_t width, uint32_t rows, float floor) {
  EACH_JOINT(width, forwardTiles, input, inputs, weights, bias, output, rows, floor);
}

ALWAYS void backwardTiles(const float *delta, uint32_t width, const float *transposed, const float *activation,
                          float *inputDelta, uint32_t rows, float floor, uint32_t column, int joints, size_t next) {
  const vec floors = splat(floor);
  for (uint32_t row = 0; row < rows; row += LANES) {
    joint c[LANES][2] = {};
    multiplyTile(c, delta + row * PANEL, transposed + (size_t)column * width, width, joints, next);
    for (int r = 0; r < LANES; r++) {
      for (int j = 0; j < joints; j++) {
        for (int p = 0; p < JOINED; p++) {
          const size_t at = column * BLOCK_ROWS + (j * JOINED + p * next) * PANEL_FLOATS + (row + r) * PANEL;
          store(inputDelta + at, (vec)((ivec)panelOf(c[r][j], p) & (load(activation + at) > floors)));
        }
      }
    }
  }
}

static void denseBackward(const float *delta, uint32_t width, const float *transposed, const float *activation,
                          float *inputDelta, uint32_t inputs, uint32_t rows, float floor) {
  EACH_JOINT(inputs, backwardTiles, delta, width, transposed, activation, inputDelta, rows, floor);
}

ALWAYS void gradientTiles(const float *input, uint32_t inputs, const float *delta, float *weightGradient, uint32_t rows,
                          uint32_t column, int joints, size_t next) {
  const size_t panel = (size_t)inputs * PANEL;
  for (uint32_t i = 0; i < inputs; i += LANES) {
    float *g = weightGradient + (size_t)column * inputs + (size_t)i * PANEL;
    joint c[LANES][2];
    for (int r = 0; r < LANES; r++) {
      for (int j = 0; j < joints; j++) c[r][j] = loadJoint(g + j * JOINED * panel + r * PANEL, next * panel);
    }
    const float *a = input + (size_t)(i / PANEL) * PANEL_FLOATS + i % PANEL;
    const float *b = delta + (size_t)column * BLOCK_ROWS;
    for (uint32_t row = 0; row < rows; row++) {
      joint d[2];
      for (int j = 0; j < joints; j++) d[j] = loadJoint(b + j * JOINED * PANEL_FLOATS, next * PANEL_FLOATS);
      for (int r = 0; r < LANES; r++) {
        for (int j = 0; j < joints; j++) c[r][j] += a[r] * d[j];
      }
      a += PANEL;
      b += PANEL;
    }
    for (int r = 0; r < LANES; r++) {
      for (int j = 0; j < joints; j++) {
        for (int p = 0; p < JOINED; p++) {
          store(g + (j * JOINED + p * next) * panel + r * PANEL, panelOf(c[r][j], p));
        }
      }
    }
  }
}

static void denseWeightGradient(const float *input, uint32_t inputs, const float *delta, uint32_t width,
                                float *weightGradient, uint32_t rows) {
  EACH_JOINT(width, gradientTiles, input, inputs, delta, weightGradient, rows);
}

ALWAYS void biasGradientPanels(const float *delta, float *biasGradient, uint32_t rows, int panels) {
  // Even and odd rows apart: one chain would wait for each addition.
  vec even[2], odd[2];
  for (int p = 0; p < panels; p++) {
    even[p] = load(biasGradient + p * PANEL);
    odd[p] = (vec){};
  }
  for (uint32_t row = 0; row < rows; row += 2) {
    for (int p = 0; p < panels; p++) {
      even[p] += load(delta + p * PANEL_FLOATS + row * PANEL);
      odd[p] += load(delta + p * PANEL_FLOATS + (row + 1) * PANEL);
    }
  }
  for (int p = 0; p < panels; p++) store(biasGradient + p * PANEL, even[p] + odd[p]);
}

static void denseBiasGradient(const float *delta, uint32_t width, float *biasGradient, uint32_t rows) {
  uint32_t column = 0;
  for (; column + 2 * PANEL <= width; column += 2 * PANEL) {
    biasGradientPanels(delta + (size_t)column * BLOCK_ROWS, biasGradient + column, rows, 2);
  }
  if (column < width) biasGradientPanels(delta + (size_t)column * BLOCK_ROWS, biasGradient + column, rows, 1);
}

static void transposeDense(const float *weights, uint32_t inputs, uint32_t width, float *transposed) {
  for (uint32_t i = 0; i < inputs; i += PANEL) {
    float *panel = transposed + (size_t)i * width;
    for (uint32_t o = 0; o < width; o++) {
      const float *from = weights + (size_t)(o / PANEL) * inputs * PANEL + (size_t)i * PANEL + o % PANEL;
      for (int lane = 0; lane < PANEL; lane++) panel[(size_t)o * PANEL + lane] = from[lane * PANEL];
    }
  }
}

// --- First layers: sums of weight rows ---

ALWAYS void sparseForwardRow(const uint16_t *from, const uint16_t *to, const float *weights, const float *bias,
                             float *out, uint32_t width, vec floors, int panels) {
  vec s[4];
  for (int p = 0; p < panels; p++) s[p] = load(bias + p * PANEL);
  for (const uint16_t *f = from; f < to; f++) {
    const float *w = weights + (size_t)*f * width;
    for (int p = 0; p < panels; p++) s[p] += load(w + p * PANEL);
  }
  for (int p = 0; p < panels; p++) store(out + p * PANEL_FLOATS, rectify(s[p], floors));
}

/** Rows past the last up to whole tiles become max(floor, bias): finite values, as the dense kernels need them. */
static void sparseForward(struct Rows rows, const float *weights, const float *bias, float *output, uint32_t width,
                          float floor) {
  const vec floors = splat(floor);
  for (uint32_t row = 0; row < padded(rows.count); row++) {
    const uint16_t *from = rows.features;
    const uint16_t *to = from;
    if (row < rows.count) {
      from += (size_t)rows.numbers[row] * rows.stride;
      to = from + rows.counts[rows.numbers[row]];
    }
    float *out = output + row * PANEL;
    uint32_t column = 0;
    for (; column + 4 * PANEL <= width; column += 4 * PANEL) {
      sparseForwardRow(from, to, weights + column, bias + column, out + column * BLOCK_ROWS, width, floors, 4);
    }
    for (; column < width; column += PANEL) {
      sparseForwardRow(from, to, weights + column, bias + column, out + column * BLOCK_ROWS, width, floors, 1);
    }
  }
}

ALWAYS void sparseGradientRow(const uint16_t *from, const uint16_t *to, const float *delta, float *gradient,
                              uint32_t width, int panels) {
  vec d[4];
  for (int p = 0; p < panels; p++) d[p] = load(delta + p * PANEL_FLOATS);
  for (const uint16_t *f = from; f < to; f++) {
    float *g = gradient + (size_t)*f * width;
    for (int p = 0; p < panels; p++) store(g + p * PANEL, load(g + p * PANEL) + d[p]);
  }
}

static void sparseWeightGradient(struct Rows rows, const float *delta, uint32_t width, float *weightGradient) {
  for (uint32_t row = 0; row < rows.count; row++) {
    const uint16_t *from = rows.features + (size_t)rows.numbers[row] * rows.stride;
    const uint16_t *to = from + rows.counts[rows.numbers[row]];
    const float *d = delta + row * PANEL;
    uint32_t column = 0;
    for (; column + 4 * PANEL <= width; column += 4 * PANEL) {
      sparseGradientRow(from, to, d + column * BLOCK_ROWS, weightGradient + column, width, 4);
    }
    for (; column < width; column += PANEL) {
      sparseGradientRow(from, to, d + column * BLOCK_ROWS, weightGradient + column, width, 1);
    }
  }
}

static void sparseHeadForward(struct Rows rows, const float *weights, uint32_t inputs, uint32_t outputs,
                              float *output) {
  for (uint32_t row = 0; row < rows.count; row++) {
    const uint16_t *from = rows.features + (size_t)rows.numbers[row] * rows.stride;
    const uint16_t *to = from + rows.counts[rows.numbers[row]];
    for (uint32_t j = 0; j < outputs; j++) {
      float sum = 0;
      for (const uint16_t *f = from; f < to; f++) sum += weights[(size_t)j * inputs + *f];
      output[j * BLOCK_ROWS + row] = sum;
    }
  }
}

static void sparseHeadWeightGradient(struct Rows rows, const float *delta, uint32_t inputs, uint32_t outputs,
                                     float *weightGradient) {
  for (uint32_t row = 0; row < rows.count; row++) {
    const uint16_t *from = rows.features + (size_t)rows.numbers[row] * rows.stride;
    const uint16_t *to = from + rows.counts[rows.numbers[row]];
    for (uint32_t j = 0; j < outputs; j++) {
      const float d = delta[j * BLOCK_ROWS + row];
      for (const uint16_t *f = from; f < to; f++) weightGradient[(size_t)j * inputs + *f] += d;
    }
  }
}

// --- Heads ---

static void headForward(const float *input, uint32_t inputs, const float *weights, uint32_t outputs, float *output,
                        uint32_t rows) {
  for (uint32_t j = 0; j < outputs; j++) {
    for (uint32_t row = 0; row < rows; row += LANES) {
      half s[LANES] = {};
#ifndef EXACT
      vec whole[LANES] = {};
#endif
      for (uint32_t i = 0; i < inputs; i += PANEL) {
        const vec w = load(weights + (size_t)j * inputs + i);
        const float *a = input + (size_t)i * BLOCK_ROWS + row * PANEL;
#ifdef EXACT
        // As there, a panel's halves one after the other into one sum.
        for (int r = 0; r < LANES; r++) s[r] += lower(w) * lower(load(a + r * PANEL));
        for (int r = 0; r < LANES; r++) s[r] += upper(w) * upper(load(a + r * PANEL));
#else
        for (int r = 0; r < LANES; r++) whole[r] += w * load(a + r * PANEL);
#endif
      }
#ifndef EXACT
      for (int r = 0; r < LANES; r++) s[r] = lower(whole[r]) + upper(whole[r]);
#endif
      *(half *)(output + j * BLOCK_ROWS + row) = laneSums(s);
    }
  }
}

static void headBackward(const float *delta, uint32_t outputs, const float *weights, uint32_t inputs,
                         const float *input, float *inputDelta, uint32_t rows, float floor) {
  const vec floors = splat(floor);
  for (uint32_t i = 0; i < inputs; i += PANEL) {
    for (uint32_t row = 0; row < rows; row += LANES) {
      vec c[LANES] = {};
      for (uint32_t j = 0; j < outputs; j++) {
        const vec w = load(weights + (size_t)j * inputs + i);
        const float *d = delta + j * BLOCK_ROWS + row;
        for (int r = 0; r < LANES; r++) c[r] += d[r] * w;
      }
      for (int r = 0; r < LANES; r++) {
        const size_t at = (size_t)i * BLOCK_ROWS + (row + r) * PANEL;
        store(inputDelta + at, (vec)((ivec)c[r] & (load(input + at) > floors)));
      }
    }
  }
}

/** Two panels at a time: the chains of one would wait for each addition. */
ALWAYS void headGradientTile(const float *delta, const float *input, float *weightGradient, uint32_t inputs,
                             uint32_t rows, int outputs, int panels) {
  vec c[4][2];
  for (int j = 0; j < outputs; j++) {
    for (int p = 0; p < panels; p++) c[j][p] = load(weightGradient + (size_t)j * inputs + p * PANEL);
  }
  for (uint32_t row = 0; row < rows; row++) {
    vec a[2];
    for (int p = 0; p < panels; p++) a[p] = load(input + p * PANEL_FLOATS + row * PANEL);
    for (int j = 0; j < outputs; j++) {
      for (int p = 0; p < panels; p++) c[j][p] += delta[j * BLOCK_ROWS + row] * a[p];
    }
  }
  for (int j = 0; j < outputs; j++) {
    for (int p = 0; p < panels; p++) store(weightGradient + (size_t)j * inputs + p * PANEL, c[j][p]);
  }
}

ALWAYS void headGradientPanels(const float *delta, uint32_t outputs, const float *input, uint32_t inputs,
                               float *weightGradient, uint32_t rows, int panels) {
  uint32_t j = 0;
  for (; j + 4 <= outputs; j += 4) {
    headGradientTile(delta + j * BLOCK_ROWS, input, weightGradient + (size_t)j * inputs, inputs, rows, 4, panels);
  }
  for (; j < outputs; j++) {
    headGradientTile(delta + j * BLOCK_ROWS, input, weightGradient + (size_t)j * inputs, inputs, rows, 1, panels);
  }
}

static void headWeightGradient(const float *delta, uint32_t outputs, const float *input, uint32_t inputs,
                               float *weightGradient, uint32_t rows) {
  uint32_t i = 0;
  for (; i + 2 * PANEL <= inputs; i += 2 * PANEL) {
    headGradientPanels(delta, outputs, input + (size_t)i * BLOCK_ROWS, inputs, weightGradient + i, rows, 2);
  }
  if (i < inputs) {
    headGradientPanels(delta, outputs, input + (size_t)i * BLOCK_ROWS, inputs, weightGradient + i, rows, 1);
  }
}

// --- Trunks, see ../wasm/assembly/trunk.ts ---

static float *trunkOutput(Address base, const struct Network *network, Address scratch) {
  return floats(scratch, trunkAt(base, network, network->trunkDepth - 1)->activation);
}

/**
 * target[place] += weights[dy, dx, plane] for each place whose window holds the feature at (dy, dx); with `scatter`, the other way
 * round. Addresses go down from place to place of the weights.
 */
ALWAYS void eachWindow(Address base, const struct TrunkLayer *layer, uint32_t feature, float *weights, float *target,
                       int scatter) {
  const uint32_t *entry = (const uint32_t *)(base + layer->windows) + feature * 3;
  const uint32_t rows = entry[2] & 0xffff, columns = entry[2] >> 16, channels = layer->channels;
  for (uint32_t row = 0; row < rows; row++) {
    float *t = target + entry[0] / 4 + (size_t)row * layer->outWidth * channels;
    float *w = weights + entry[1] / 4 - (size_t)row * (layer->rowStep / 4);
    for (uint32_t column = 0; column < columns; column++) {
      for (uint32_t i = 0; i < channels; i += PANEL) store((scatter ? w : t) + i, load(t + i) + load(w + i));
      t += channels;
      w -= layer->columnStep / 4;
    }
  }
}

/** Where the window of a place begins in the panels that a convolution reads. */
ALWAYS size_t windowAt(const struct TrunkLayer *layer, uint32_t place) {
  const uint32_t y = place / layer->outWidth, x = place % layer->outWidth;
  return (size_t)(y * layer->stride * layer->width + x * layer->stride) * layer->planes * BLOCK_ROWS;
}

/** Copy a place's window together: its rows' panels, one after another. */
static void gatherWindow(const struct TrunkLayer *layer, uint32_t place, const float *input, float *patch) {
  const size_t row = (size_t)layer->kernel * layer->planes * BLOCK_ROWS;
  const float *from = input + windowAt(layer, place);
  for (uint32_t dy = 0; dy < layer->kernel; dy++) {
    memcpy(patch + dy * row, from + (size_t)dy * layer->width * layer->planes * BLOCK_ROWS, row * 4);
  }
}

/** Add a window's gradient to that of the places it came from. */
static void spreadWindow(const struct TrunkLayer *layer, uint32_t place, const float *patch, float *below,
                         uint32_t rows) {
  const size_t row = (size_t)layer->kernel * layer->planes * BLOCK_ROWS;
  for (uint32_t dy = 0; dy < layer->kernel; dy++) {
    float *to = below + windowAt(layer, place) + (size_t)dy * layer->width * layer->planes * BLOCK_ROWS;
    for (size_t panel = 0; panel < row; panel += PANEL_FLOATS) {
      for (size_t i = panel; i < panel + rows * PANEL; i += PANEL) store(to + i, load(to + i) + load(patch + i));
    }
    patch += row;
  }
}

static void trunkForward(Address base, const struct Model *model, const struct Network *network, Address scratch,
                         struct Rows rows) {
  const Address parameters = base + model->parameters;
  const uint32_t paddedRows = padded(rows.count);
  const struct TrunkLayer *first = trunkAt(base, network, 0);
  float *line = floats(scratch, model->line);
  const float *bias = floats(parameters, first->bias);
  const uint32_t columns = first->outHeight * first->outWidth * first->channels;
  for (uint32_t row = 0; row < paddedRows; row++) {
    for (uint32_t i = 0; i < columns; i += first->channels) memcpy(line + i, bias, first->channels * 4);
    if (row < rows.count) {
      const uint16_t *from = rows.features + (size_t)rows.numbers[row] * rows.stride;
      const uint16_t *to = from + rows.counts[rows.numbers[row]];
      for (; from < to; from++) eachWindow(base, first, *from, floats(parameters, first->weight), line, 0);
    }
    float *out = floats(scratch, first->activation) + row * PANEL;
    for (uint32_t i = 0; i < columns; i += PANEL) store(out + (size_t)i * BLOCK_ROWS, rectify(load(line + i), (vec){}));
  }
  float *patch = floats(scratch, model->patch);
  const float *input = floats(scratch, first->activation);
  for (uint32_t depth = 1; depth < network->trunkDepth; depth++) {
    const struct TrunkLayer *layer = trunkAt(base, network, depth);
    float *output = floats(scratch, layer->activation);
    for (uint32_t place = 0; place < layer->outHeight * layer->outWidth; place++) {
      gatherWindow(layer, place, input, patch);
      denseForward(patch, layer->kernel * layer->kernel * layer->planes, floats(parameters, layer->weight),
                   floats(parameters, layer->bias), output + (size_t)place * layer->channels * BLOCK_ROWS,
                   layer->channels, paddedRows, 0);
    }
    input = output;
  }
}

/** `delta` is the gradient at the trunk's output, behind the ReLU; it and `below`, a buffer of its size, are overwritten. */
static void trunkBackward(Address base, const struct Model *model, const struct Network *network, Address scratch,
                          struct Rows rows, Address gradient, float *delta, float *below) {
  const uint32_t paddedRows = padded(rows.count);
  float *patch = floats(scratch, model->patch);
  float *patchDelta = floats(scratch, model->patchDelta);
  for (uint32_t depth = network->trunkDepth - 1; depth > 0; depth--) {
    const struct TrunkLayer *layer = trunkAt(base, network, depth);
    const uint32_t inputs = layer->kernel * layer->kernel * layer->planes;
    const float *input = floats(scratch, trunkAt(base, network, depth - 1)->activation);
    memset(below, 0, (size_t)layer->height * layer->width * layer->planes * BLOCK_ROWS * 4);
    for (uint32_t place = 0; place < layer->outHeight * layer->outWidth; place++) {
      const float *at = delta + (size_t)place * layer->channels * BLOCK_ROWS;
      gatherWindow(layer, place, input, patch);
      denseBiasGradient(at, layer->channels, floats(gradient, layer->bias), paddedRows);
      denseWeightGradient(patch, inputs, at, layer->channels, floats(gradient, layer->weight), paddedRows);
      // The ReLU below is a place's own, so it may be applied window by window.
      denseBackward(at, layer->channels, floats(base, layer->transposed), patch, patchDelta, inputs, paddedRows, 0);
      spreadWindow(layer, place, patchDelta, below, paddedRows);
    }
    float *free = delta;
    delta = below;
    below = free;
  }
  const struct TrunkLayer *first = trunkAt(base, network, 0);
  const uint32_t columns = first->outHeight * first->outWidth * first->channels;
  for (uint32_t i = 0; i < columns; i += first->channels) {
    denseBiasGradient(delta + (size_t)i * BLOCK_ROWS, first->channels, floats(gradient, first->bias), paddedRows);
  }
  float *line = floats(scratch, model->line);
  for (uint32_t row = 0; row < rows.count; row++) {
    for (uint32_t i = 0; i < columns; i += PANEL) store(line + i, load(delta + (size_t)i * BLOCK_ROWS + row * PANEL));
    const uint16_t *from = rows.features + (size_t)rows.numbers[row] * rows.stride;
    const uint16_t *to = from + rows.counts[rows.numbers[row]];
    for (; from < to; from++) eachWindow(base, first, *from, floats(gradient, first->weight), line, 1);
  }
}

// --- Networks ---

static void forwardBlock(Address base, const struct Model *model, Address scratch, struct Rows rows) {
  const Address parameters = base + model->parameters;
  const uint32_t paddedRows = padded(rows.count);
  for (uint32_t n = 0; n < model->networkCount; n++) {
    const struct Network *network = networkAt(base, model, n);
    const float *headWeight = floats(parameters, network->headWeight);
    float *head = floats(scratch, network->head);
    if (network->depth == 0) {
      sparseHeadForward(rows, headWeight, network->inputs, network->outputs, head);
      continue;
    }
    uint32_t depth = 0;
    const float *input;
    if (network->trunkDepth > 0) {
      trunkForward(base, model, network, scratch, rows);
      input = trunkOutput(base, network, scratch);
    } else {
      const struct Layer *first = layerAt(base, network, depth++);
      float *output = floats(scratch, first->activation);
      sparseForward(rows, floats(parameters, first->weight), floats(parameters, first->bias), output, first->width,
                    network->floor);
      input = output;
    }
    for (; depth < network->depth; depth++) {
      const struct Layer *layer = layerAt(base, network, depth);
      float *output = floats(scratch, layer->activation);
      denseForward(input, layer->inputs, floats(parameters, layer->weight), floats(parameters, layer->bias), output,
                   layer->width, paddedRows, network->floor);
      input = output;
    }
    headForward(input, network->inputs, headWeight, network->outputs, head, paddedRows);
  }
}

/** Whether some row of a head's gradient [outputs, BLOCK_ROWS] is not zero; -0 is. */
static int anyDelta(const float *delta, uint32_t outputs, uint32_t rows) {
  uint32_t any = 0;
  for (uint32_t j = 0; j < outputs; j++) {
    const uint32_t *bits = (const uint32_t *)delta + j * BLOCK_ROWS;
    for (uint32_t row = 0; row < rows; row++) any |= bits[row] << 1;
  }
  return any != 0;
}

static void backwardBlock(Address base, const struct Model *model, Address scratch, struct Rows rows,
                          Address gradient) {
  const Address parameters = base + model->parameters;
  const uint32_t paddedRows = padded(rows.count);
  for (uint32_t n = 0; n < model->networkCount; n++) {
    const struct Network *network = networkAt(base, model, n);
    const float *headDelta = floats(scratch, network->headDelta);
    float *headGradient = floats(gradient, network->headWeight);
    if (network->depth == 0) {
      sparseHeadWeightGradient(rows, headDelta, network->inputs, network->outputs, headGradient);
      continue;
    }
    uint32_t depth = network->depth - 1;
    const struct Layer *layer = layerAt(base, network, depth);
    const float *top = floats(scratch, layer->activation);
    headWeightGradient(headDelta, network->outputs, top, network->inputs, headGradient, paddedRows);
    // No row of the block may teach this network: its gradient is zero without computing it.
    if (!anyDelta(floats(scratch, network->delta), network->outputs, paddedRows)) continue;
    float *delta = floats(scratch, model->ping);
    float *below = floats(scratch, model->pong);
    headBackward(floats(scratch, network->delta), network->outputs, floats(parameters, network->headWeight),
                 network->inputs, top, delta, paddedRows, network->floor);
    for (;;) {
      denseBiasGradient(delta, layer->width, floats(gradient, layer->bias), paddedRows);
      if (depth == 0 && network->trunkDepth == 0) break;
      const float *input = depth > 0 ? floats(scratch, layerAt(base, network, depth - 1)->activation)
                                     : trunkOutput(base, network, scratch);
      denseWeightGradient(input, layer->inputs, delta, layer->width, floats(gradient, layer->weight), paddedRows);
      denseBackward(delta, layer->width, floats(base, layer->transposed), input, below, layer->inputs, paddedRows,
                    network->floor);
      float *free = delta;
      delta = below;
      below = free;
      if (depth == 0) break;
      layer = layerAt(base, network, --depth);
    }
    if (network->trunkDepth > 0) {
      trunkBackward(base, model, network, scratch, rows, gradient, delta, below);
      continue;
    }
    sparseWeightGradient(rows, delta, layer->width, floats(gradient, layer->weight));
  }
}

// --- Mixture and losses, see ../wasm/assembly/loss.ts ---

/** Softmax over `count` columns: `z` becomes z - max z, `e` the probabilities; returns the sum that divides them. */
ALWAYS wide softmax(double *z, double *e, uint32_t count, wide max) {
  wide sum = {};
  for (uint32_t i = 0; i < count; i++) {
    const wide shifted = loadWide(z + i * BLOCK_ROWS) - max;
    const wide exponential = expWide(shifted);
    storeWide(z + i * BLOCK_ROWS, shifted);
    storeWide(e + i * BLOCK_ROWS, exponential);
    sum += exponential;
  }
  for (uint32_t i = 0; i < count; i++) storeWide(e + i * BLOCK_ROWS, loadWide(e + i * BLOCK_ROWS) / sum);
  return sum;
}

ALWAYS wide loadHead(const float *at) { return promote(*(const half *)at); }
ALWAYS void storeHead(float *at, wide x) { *(half *)at = demote(x); }

NEVER_INLINED void mixBlock(Address base, const struct Model *model, Address scratch, uint32_t rows,
                            const double *lnScale) {
  const uint32_t K = model->modules, A = model->actions;
  const Address parameters = base + model->parameters;
  const float *bias = floats(parameters, networkAt(base, model, 0)->headBias);
  const struct Network *gate = networkAt(base, model, K);
  const uint32_t gateOutputs = model->learned ? gate->outputs : 0;
  for (uint32_t row = 0; row < rows; row += LANES) {
    double *w = (double *)(scratch + model->mixture) + row;
    double *z = w + K * BLOCK_ROWS;
    double *S = z + K * BLOCK_ROWS;
    double *lnPi = S + BLOCK_ROWS;
    double *pi = lnPi + A * BLOCK_ROWS;
    if (K == 1) {
      storeWide(w, splatWide(1));
      storeWide(z, splatWide(0));
      storeWide(S, splatWide(1));
    } else {
      wide max = splatWide(-__builtin_inf());
      for (uint32_t k = 0; k < K; k++) {
        wide logit = splatWide(lnScale[k]);
        // Two modules share one logit: (z, 0).
        if (k < gateOutputs) {
          logit += loadHead(floats(scratch, gate->head) + k * BLOCK_ROWS + row) +
                   (double)floats(parameters, gate->headBias)[k];
        }
        storeWide(z + k * BLOCK_ROWS, logit);
        max = most(max, logit);
      }
      storeWide(S, softmax(z, w, K, max));
    }
    wide max = splatWide(-__builtin_inf());
    for (uint32_t a = 0; a < A; a++) {
      wide logit = splatWide(bias[a]);
      for (uint32_t k = 0; k < K; k++) {
        const wide weight = loadWide(w + k * BLOCK_ROWS);
        const wide u = loadHead(floats(scratch, networkAt(base, model, k)->head) + a * BLOCK_ROWS + row);
        // An ablated module adds 0 whatever it says, infinities too.
        logit += keep(weight * u, weight != 0.0);
      }
      storeWide(lnPi + a * BLOCK_ROWS, logit);
      max = most(max, logit);
    }
    const wide lnSum = logWide(softmax(lnPi, pi, A, max));
    for (uint32_t a = 0; a < A; a++) storeWide(lnPi + a * BLOCK_ROWS, loadWide(lnPi + a * BLOCK_ROWS) - lnSum);
  }
}

/** The critic's values: f32 values. */
ALWAYS wide valuesOf(Address base, const struct Model *model, Address scratch, uint32_t row) {
  const struct Network *critic = networkAt(base, model, model->networkCount - 1);
  const double bias = floats(base + model->parameters, critic->headBias)[0];
  return rounded(loadHead(floats(scratch, critic->head) + row) + bias);
}

static void emitBlock(Address base, const struct Model *model, Address scratch, uint32_t rows, uint32_t target) {
  const uint32_t K = model->modules, A = model->actions;
  double *outWeights = (double *)(base + model->outWeights);
  double *outLogProbabilities = (double *)(base + model->outLogProbabilities);
  double *outProbabilities = (double *)(base + model->outProbabilities);
  double *outValues = (double *)(base + model->outValues);
  for (uint32_t row = 0; row < rows; row++) {
    const double *w = (const double *)(scratch + model->mixture) + row;
    const double *lnPi = w + (2 * K + 1) * BLOCK_ROWS;
    const double *pi = lnPi + A * BLOCK_ROWS;
    const size_t to = target + row;
    for (uint32_t k = 0; k < K; k++) outWeights[to * K + k] = w[k * BLOCK_ROWS];
    for (uint32_t a = 0; a < A; a++) {
      outLogProbabilities[to * A + a] = (float)lnPi[a * BLOCK_ROWS];
      outProbabilities[to * A + a] = pi[a * BLOCK_ROWS];
    }
    outValues[to] = valuesOf(base, model, scratch, row / LANES * LANES)[row % LANES];
  }
}

/** What rows hold at `values`, an f32 per training row, `stride` apart. */
ALWAYS wide gather(const float *values, const uint32_t *numbers, uint32_t stride, uint32_t offset) {
  wide x;
  for (int lane = 0; lane < LANES; lane++) x[lane] = values[(size_t)numbers[lane] * stride + offset];
  return x;
}

/** Even and odd rows apart. */
ALWAYS void addTo(double *stats, int stat, wide x, iwide live) {
  const wide kept = keep(x, live);
  for (int lane = 0; lane < LANES; lane++) stats[2 * stat + lane % 2] += kept[lane];
}

/** biases[j] += sum over rows of delta[j, row]. */
static void addBiases(const float *delta, uint32_t outputs, uint32_t rows, float *biases) {
  for (uint32_t j = 0; j < outputs; j++) {
    half sum = {};
    for (uint32_t row = 0; row < rows; row += LANES) sum += *(const half *)(delta + j * BLOCK_ROWS + row);
    for (int lanes = LANES; lanes > 1; lanes /= 2) {
      for (int lane = 0; lane < lanes / 2; lane++) sum[lane] = sum[2 * lane] + sum[2 * lane + 1];
    }
    biases[j] += sum[0];
  }
}

/** `numbers` has room for whole tiles. */
static void lossBlock(Address base, const struct Model *model, Address scratch, uint32_t *numbers, uint32_t rows,
                      Address gradient, double *stats) {
  const uint32_t paddedRows = padded(rows);
  // Some row that exists: what is read of it is masked out.
  for (uint32_t row = rows; row < paddedRows; row++) numbers[row] = numbers[0];
  mixBlock(base, model, scratch, paddedRows, (const double *)(base + model->zeroScale));
  const struct Hyper *hyper = (const struct Hyper *)(base + model->hyper);
  const uint32_t K = model->modules, A = model->actions;
  const struct Network *critic = networkAt(base, model, model->networkCount - 1);
  const struct Network *gate = networkAt(base, model, K);
  const float *gateTarget = floats(base, model->gateTarget);
  float *logitDelta = floats(scratch, model->logitDelta);
  const uint8_t *taken = base + model->taken;
  iwide lanes;
  for (int lane = 0; lane < LANES; lane++) lanes[lane] = lane;

  for (uint32_t row = 0; row < paddedRows; row += LANES) {
    const uint32_t *n = numbers + row;
    const iwide live = lanes < (iwide){} + (int64_t)rows - (int64_t)row;
    double *w = (double *)(scratch + model->mixture) + row;
    double *z = w + K * BLOCK_ROWS;
    double *S = z + K * BLOCK_ROWS;
    double *lnPi = S + BLOCK_ROWS;
    double *pi = lnPi + A * BLOCK_ROWS;

    // Policy: -min(ratio A', clamp(ratio) A').
    iwide action;
    wide lnNew;
    for (int lane = 0; lane < LANES; lane++) {
      action[lane] = taken[n[lane]];
      lnNew[lane] = lnPi[action[lane] * BLOCK_ROWS + lane];
    }
    lnNew = rounded(lnNew);
    const wide lnRatio = lnNew - gather(floats(base, model->oldLogProbabilities), n, 1, 0);
    const wide ratio = expWide(lnRatio);
    const wide advantage =
        (gather(floats(base, model->advantages), n, 1, 0) - hyper->advantageMean) * hyper->advantageScale;
    const wide unclipped = ratio * advantage;
    const wide low = splatWide(1.0 - hyper->clipRange), high = splatWide(1.0 + hyper->clipRange);
    const wide clipped = least(most(ratio, low), high) * advantage;
    const wide slope = keep(-unclipped, unclipped <= clipped);
    wide entropy = {};
    for (uint32_t a = 0; a < A; a++) entropy -= loadWide(pi + a * BLOCK_ROWS) * loadWide(lnPi + a * BLOCK_ROWS);
    addTo(stats, STAT_POLICY, -least(unclipped, clipped), live);
    addTo(stats, STAT_ENTROPY, entropy, live);
    addTo(stats, STAT_KL, (ratio - 1.0) - lnRatio, live);
    addTo(stats, STAT_CLIPPED, keep(splatWide(1), magnitude(ratio - 1.0) > hyper->clipRange), live);

    // Gradient at the logits: perRow (slope ([a = action] - pi) + entropyCoef pi (ln pi + H)), in the place of pi.
    for (uint32_t a = 0; a < A; a++) {
      const wide p = loadWide(pi + a * BLOCK_ROWS);
      const wide chosen = keep(splatWide(1), action == (int64_t)a);
      const wide spread = (hyper->entropyCoef * p) * (loadWide(lnPi + a * BLOCK_ROWS) + entropy);
      const wide d = keep(hyper->perRow * (slope * (chosen - p) + spread), live);
      storeWide(pi + a * BLOCK_ROWS, d);
      storeHead(logitDelta + a * BLOCK_ROWS + row, d);
    }

    // Modules. A mask of 0 puts 0, it is not a factor: an overflowed gradient stays out of a module that may not learn from it.
    double *slopes = pi + A * BLOCK_ROWS;
    wide meanSlope = {};
    for (uint32_t k = 0; k < K; k++) {
      const struct Network *module = networkAt(base, model, k);
      const wide weight = loadWide(w + k * BLOCK_ROWS);
      const wide mask = gather(floats(base, model->moduleMask), n, K, k);
      const wide share = mask * weight;
      wide along = {};
      for (uint32_t a = 0; a < A; a++) {
        const uint32_t at = a * BLOCK_ROWS + row;
        const wide d = loadWide(pi + a * BLOCK_ROWS);
        storeHead(floats(scratch, module->headDelta) + at, weight * d);
        storeHead(floats(scratch, module->delta) + at, keep(share * d, mask != 0.0));
        along += d * loadHead(floats(scratch, module->head) + at);
      }
      meanSlope += weight * along;
      storeWide(slopes + k * BLOCK_ROWS, along);
    }

    // Gate: the policy's gradient behind the gate's mask, and the cross-entropy's.
    wide total = {}, crossEntropy = {};
    for (uint32_t k = 0; k < K; k++) {
      const wide target = gather(gateTarget, n, K, k);
      total += target;
      // A target of 0 adds 0, also at w_k = 0.
      crossEntropy -= keep(target * loadWide(z + k * BLOCK_ROWS), target != 0.0);
    }
    addTo(stats, STAT_GATE, crossEntropy + keep(total * logWide(loadWide(S)), total != 0.0), live);
    if (model->learned) {
      const wide gateMask = gather(floats(base, model->gateMask), n, 1, 0);
      const double targetScale = hyper->gateCoef * hyper->perTarget;
      for (uint32_t k = 0; k < gate->outputs; k++) {
        const wide weight = loadWide(w + k * BLOCK_ROWS);
        const wide policy = (gateMask * weight) * (loadWide(slopes + k * BLOCK_ROWS) - meanSlope);
        const wide cross = targetScale * (total * weight - gather(gateTarget, n, K, k));
        const wide d = keep(policy, gateMask != 0.0) + cross;
        storeHead(floats(scratch, gate->delta) + k * BLOCK_ROWS + row, keep(d, live));
      }
    }

    // Critic: 0.5 (V - R)^2, or the larger of it and the clipped one.
    const wide value = valuesOf(base, model, scratch, row);
    const wide target = gather(floats(base, model->returns), n, 1, 0);
    const wide error = value - target;
    wide valueLoss = (0.5 * error) * error;
    wide valueSlope = error;
    if (hyper->valueClip > 0) {
      const wide c = splatWide(hyper->valueClip);
      const wide oldValue = gather(floats(base, model->oldValues), n, 1, 0);
      const wide moved = value - oldValue;
      const wide heldError = (oldValue + least(most(moved, -c), c)) - target;
      const wide heldLoss = (0.5 * heldError) * heldError;
      // Inside the range both sides are one number; comparing them would compare rounding errors.
      const iwide holds = (magnitude(moved) > c) & (heldLoss > valueLoss);
      valueLoss = choose(holds, heldLoss, valueLoss);
      valueSlope = keep(valueSlope, ~holds);
    }
    addTo(stats, STAT_VALUE, valueLoss, live);
    const wide d = (hyper->valueCoef * hyper->perRow) * valueSlope;
    storeHead(floats(scratch, critic->delta) + row, keep(d, live));
  }

  addBiases(logitDelta, A, paddedRows, floats(gradient, networkAt(base, model, 0)->headBias));
  addBiases(floats(scratch, critic->delta), 1, paddedRows, floats(gradient, critic->headBias));
  if (model->learned) {
    addBiases(floats(scratch, gate->delta), gate->outputs, paddedRows, floats(gradient, gate->headBias));
  }
}

// --- From the chunks' gradients to new parameters ---

ALWAYS const struct Slice *sliceAt(Address base, const struct Model *model, uint32_t index) {
  return (const struct Slice *)(base + model->slices) + index;
}

static void reduceSlice(Address base, const struct Model *model, uint32_t index) {
  const struct Slice *slice = sliceAt(base, model, index);
  const size_t chunk = model->parameterBytes / 4;
  float *g = floats(base, model->gradients + slice->start);
  wide low = {}, high = {};
  for (uint32_t i = 0; i < slice->bytes / 4; i += PANEL) {
    vec sum = load(g + i);
    for (int c = 1; c < CHUNKS; c++) {
      sum += load(g + c * chunk + i);
      store(g + c * chunk + i, (vec){});
    }
    store(g + i, sum);
    const wide a = promote(lower(sum)), b = promote(upper(sum));
    low += a * a;
    high += b * b;
  }
  wide squares[2] = {low, high};
  ((double *)(base + model->squares))[index] = sumPairs((double *)squares, 2 * LANES);
}

/** What one group's step multiplies by. */
struct Step {
  float scale, keep1, take1, keep2, take2, stepSize, secondScale, eps;
};

/** Not inlined, so that the compiler believes that the four do not overlap, and uses vectors. */
NEVER_INLINED void stepRange(float *restrict parameters, float *restrict gradient, float *restrict first,
                             float *restrict second, uint32_t count, struct Step step) {
  for (uint32_t i = 0; i < count; i++) {
    const float g = gradient[i] * step.scale;
    const float m = step.keep1 * first[i] + step.take1 * g;
    const float v = step.keep2 * second[i] + step.take2 * (g * g);
    gradient[i] = 0;
    first[i] = m;
    second[i] = v;
    parameters[i] -= step.stepSize * m / (__builtin_sqrtf(v * step.secondScale) + step.eps);
  }
}

static void stepSlice(Address base, const struct Model *model, uint32_t index) {
  const struct Slice *slice = sliceAt(base, model, index);
  const struct Group *group = (const struct Group *)(base + slice->group);
  float *gradient = floats(base, model->gradients + slice->start);
  if (!group->active) {
    memset(gradient, 0, slice->bytes);
    return;
  }
  const struct Hyper *hyper = (const struct Hyper *)(base + model->hyper);
  const struct Step step = {
      .scale = group->gradientScale,
      .keep1 = hyper->beta1,
      .take1 = 1.0 - hyper->beta1,
      .keep2 = hyper->beta2,
      .take2 = 1.0 - hyper->beta2,
      .stepSize = group->stepSize,
      .secondScale = group->secondScale,
      .eps = hyper->adamEps,
  };
  stepRange(floats(base, model->parameters + slice->start), gradient,
            floats(base, model->firstMoments + slice->start), floats(base, model->secondMoments + slice->start),
            slice->bytes / 4, step);
}

// --- Convolutions, see ../wasm/assembly/convolution.ts ---

ALWAYS void addScaled(const float *from, float factor, float *to, uint32_t width) {
  for (uint32_t i = 0; i < width; i += PANEL) store(to + i, load(to + i) + factor * load(from + i));
}

ALWAYS void scaleInto(const float *from, float factor, float *to, uint32_t width) {
  for (uint32_t i = 0; i < width; i += PANEL) store(to + i, factor * load(from + i));
}

ALWAYS double dot(const float *a, const float *b, uint32_t width) {
  wide sum = {};
  for (uint32_t i = 0; i < width; i += LANES) {
    sum += promote(*(const half *)(a + i)) * promote(*(const half *)(b + i));
  }
  return sumPairs((double *)&sum, LANES);
}

static void seeAll(Address base, const struct Model *model) {
  const Address parameters = base + model->parameters;
  for (uint32_t index = 0; index < model->convolutionCount; index++) {
    const struct Convolution *conv = (const struct Convolution *)(base + model->convolutions) + index;
    const uint32_t width = conv->width, cells = conv->cells, channels = conv->channels;
    const float *weight = floats(parameters, conv->weight);
    const float *bias = floats(parameters, conv->bias);
    const float *layer = floats(parameters, conv->layerWeight);
    float *seen = floats(parameters, conv->seenWeight);
    for (uint32_t p = 0; p < conv->planes; p++) {
      for (uint32_t cell = 0; cell < cells; cell++, seen += width) {
        scaleInto(layer + (size_t)cell * width, weight[p * channels], seen, width);
        for (uint32_t ch = 1; ch < channels; ch++) {
          addScaled(layer + (size_t)(ch * cells + cell) * width, weight[p * channels + ch], seen, width);
        }
      }
    }
    for (uint32_t column = 0; column < width; column++) {
      double sum = floats(parameters, conv->layerBias)[column];
      for (uint32_t row = 0; row < channels * cells; row++) {
        sum += (double)bias[row / cells] * layer[(size_t)row * width + column];
      }
      floats(parameters, conv->seenBias)[column] = sum;
    }
  }
}

static void chainAll(Address base, const struct Model *model) {
  for (uint32_t slice = 0; slice < model->seenSliceCount; slice++) reduceSlice(base, model, model->sliceCount + slice);
  const Address parameters = base + model->parameters, gradients = base + model->gradients;
  for (uint32_t index = 0; index < model->convolutionCount; index++) {
    const struct Convolution *conv = (const struct Convolution *)(base + model->convolutions) + index;
    const uint32_t width = conv->width, cells = conv->cells, channels = conv->channels;
    const float *layer = floats(parameters, conv->layerWeight);
    float *seen = floats(gradients, conv->seenWeight);
    float *seenBias = floats(gradients, conv->seenBias);
    float *layerGradient = floats(gradients, conv->layerWeight);
    for (uint32_t ch = 0; ch < channels; ch++) {
      const float bias = floats(parameters, conv->bias)[ch];
      double biasSum = 0;
      for (uint32_t cell = 0; cell < cells; cell++) {
        const size_t row = (size_t)(ch * cells + cell) * width;
        scaleInto(seenBias, bias, layerGradient + row, width);
        biasSum += dot(seenBias, layer + row, width);
      }
      floats(gradients, conv->bias)[ch] = biasSum;
      for (uint32_t p = 0; p < conv->planes; p++) {
        const float factor = floats(parameters, conv->weight)[p * channels + ch];
        double sum = 0;
        for (uint32_t cell = 0; cell < cells; cell++) {
          const size_t row = (size_t)(ch * cells + cell) * width;
          const float *from = seen + (size_t)(p * cells + cell) * width;
          addScaled(from, factor, layerGradient + row, width);
          sum += dot(from, layer + row, width);
        }
        floats(gradients, conv->weight)[p * channels + ch] = sum;
      }
    }
    memcpy(floats(gradients, conv->layerBias), seenBias, width * 4);
    memset(seen, 0, (size_t)conv->planes * cells * width * 4);
    memset(seenBias, 0, width * 4);
  }
}

// --- Jobs ---

static void forwardTask(Address base, const struct Model *model, Address scratch, uint32_t task) {
  const uint32_t first = task * model->forwardTaskRows;
  const uint32_t left = model->forwardRows - first;
  const uint32_t rows = left < model->forwardTaskRows ? left : model->forwardTaskRows;
  uint32_t *numbers = (uint32_t *)(scratch + model->rows);
  for (uint32_t row = 0; row < rows; row++) numbers[row] = first + row;
  const struct Rows block = {numbers, rows, model->stride, (const uint16_t *)(base + model->counts),
                             (const uint16_t *)(base + model->features)};
  forwardBlock(base, model, scratch, block);
  mixBlock(base, model, scratch, padded(rows), (const double *)(base + model->lnScale));
  emitBlock(base, model, scratch, rows, first);
}

static void backwardTask(Address base, const struct Model *model, Address scratch, uint32_t task) {
  const uint32_t batch = model->batch;
  // Equal pieces in whole tiles: a function of the minibatch's size alone.
  const uint32_t size = padded((batch + CHUNKS - 1) / CHUNKS);
  const uint32_t end = batch < (task + 1) * size ? batch : (task + 1) * size;
  Address gradient = base + model->gradients + (size_t)task * model->parameterBytes;
  double *stats = (double *)(base + model->stats) + task * STATS * 2;
  memset(stats, 0, STATS * 16);
  uint32_t *numbers = (uint32_t *)(scratch + model->rows);
  for (uint32_t start = task * size; start < end; start += BLOCK_ROWS) {
    const uint32_t rows = end - start < BLOCK_ROWS ? end - start : BLOCK_ROWS;
    memcpy(numbers, base + model->indices + (size_t)start * 4, rows * 4);
    const struct Rows block = {numbers, rows, model->trainStride, (const uint16_t *)(base + model->trainCounts),
                               (const uint16_t *)(base + model->trainFeatures)};
    forwardBlock(base, model, scratch, block);
    lossBlock(base, model, scratch, numbers, rows, gradient, stats);
    backwardBlock(base, model, scratch, block, gradient);
  }
}

static void perform(Address base, uint32_t kind, uint32_t at, uint32_t thread, uint32_t task) {
  const struct Model *model = (const struct Model *)(base + at);
  const Address scratch = base + model->scratch + (size_t)thread * model->scratchBytes;
  switch (kind) {
    case JOB_FORWARD: forwardTask(base, model, scratch, task); break;
    case JOB_BACKWARD: backwardTask(base, model, scratch, task); break;
    case JOB_REDUCE: reduceSlice(base, model, task); break;
    default: stepSlice(base, model, task);
  }
}

/** Columns of a panel: what the plan is laid out for. */
uint32_t panel(void) { return PANEL; }

uint32_t survey(Address base, uint32_t at) {
  const struct Model *model = (const struct Model *)(base + at);
  const uint32_t K = model->modules;
  const int movesByTarget = ((const struct Hyper *)(base + model->hyper))->gateCoef != 0;
  const uint32_t *indices = (const uint32_t *)(base + model->indices);
  uint32_t targets = 0, gate = 0;
  for (uint32_t k = 0; k < K; k++) groupAt(base, model, k)->active = 0;
  for (uint32_t i = 0; i < model->batch; i++) {
    const size_t row = indices[i];
    int target = 0;
    for (uint32_t k = 0; k < K; k++) {
      if (floats(base, model->moduleMask)[row * K + k] != 0) groupAt(base, model, k)->active = 1;
      if (floats(base, model->gateTarget)[row * K + k] != 0) target = 1;
    }
    targets += target;
    if (floats(base, model->gateMask)[row] != 0 || (target && movesByTarget)) gate = 1;
  }
  uint32_t g = K;
  if (model->learned) groupAt(base, model, g++)->active = gate;
  groupAt(base, model, g)->active = 1;
  groupAt(base, model, g + 1)->active = 1;
  return targets;
}

void derive(Address base, uint32_t at) {
  const struct Model *model = (const struct Model *)(base + at);
  for (uint32_t n = 0; n < model->networkCount; n++) {
    const struct Network *network = networkAt(base, model, n);
    for (uint32_t depth = 1; depth < network->trunkDepth; depth++) {
      const struct TrunkLayer *layer = trunkAt(base, network, depth);
      transposeDense(floats(base, model->parameters + layer->weight), layer->kernel * layer->kernel * layer->planes,
                     layer->channels, floats(base, layer->transposed));
    }
    for (uint32_t depth = network->trunkDepth > 0 ? 0 : 1; depth < network->depth; depth++) {
      const struct Layer *layer = layerAt(base, network, depth);
      transposeDense(floats(base, model->parameters + layer->weight), layer->inputs, layer->width,
                     floats(base, layer->transposed));
    }
  }
  seeAll(base, model);
}

void chain(Address base, uint32_t at) { chainAll(base, (const struct Model *)(base + at)); }

// --- Threads: the protocol of ../wasm/assembly/index.ts ---

/** As there: some fifty microseconds. */
#define SPINS 4000

struct Worker {
  struct Pool *pool;
  uint32_t thread;
  pthread_t id;
};

/** `kind`, `model` and `count` are written while `remaining` is not positive, and published by it. */
struct Pool {
  Address base;
  _Atomic uint32_t kind, model, epoch;
  _Atomic int32_t remaining, done, count, sleepers, waiting, quit;
  pthread_mutex_t mutex;
  pthread_cond_t work, finished;
  uint32_t workerCount;
  struct Worker workers[];
};

ALWAYS void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void drain(struct Pool *pool, uint32_t thread) {
  for (;;) {
    const int32_t left = atomic_fetch_sub(&pool->remaining, 1);
    if (left <= 0) return;
    const int32_t count = pool->count;
    perform(pool->base, pool->kind, pool->model, thread, count - left);
    if (atomic_fetch_add(&pool->done, 1) + 1 == count && pool->waiting) {
      pthread_mutex_lock(&pool->mutex);
      pthread_cond_signal(&pool->finished);
      pthread_mutex_unlock(&pool->mutex);
    }
  }
}

static void *live(void *argument) {
  struct Worker *worker = argument;
  struct Pool *pool = worker->pool;
  while (!pool->quit) {
    // Read before looking for work: a job published after the look changes it, and the wait below returns at once.
    const uint32_t epoch = pool->epoch;
    int spin = 0;
    while (spin < SPINS && pool->remaining <= 0) {
      relax();
      spin++;
    }
    if (spin == SPINS) {
      pthread_mutex_lock(&pool->mutex);
      pool->sleepers++;
      while (pool->epoch == epoch) pthread_cond_wait(&pool->work, &pool->mutex);
      pool->sleepers--;
      pthread_mutex_unlock(&pool->mutex);
    }
    drain(pool, worker->thread);
  }
  return NULL;
}

static void wake(struct Pool *pool) {
  atomic_fetch_add(&pool->epoch, 1);
  if (pool->sleepers > 0) {
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
  }
}

void closePool(struct Pool *pool) {
  pool->quit = 1;
  wake(pool);
  for (uint32_t i = 0; i < pool->workerCount; i++) pthread_join(pool->workers[i].id, NULL);
  pthread_cond_destroy(&pool->work);
  pthread_cond_destroy(&pool->finished);
  pthread_mutex_destroy(&pool->mutex);
  free(pool);
}

/** `threads` counts the calling one. NULL when the system has no more of them. */
struct Pool *openPool(Address base, uint32_t threads) {
  struct Pool *pool = calloc(1, sizeof *pool + (threads - 1) * sizeof(struct Worker));
  if (pool == NULL) return NULL;
  pool->base = base;
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->work, NULL);
  pthread_cond_init(&pool->finished, NULL);
  for (uint32_t thread = 1; thread < threads; thread++) {
    struct Worker *worker = &pool->workers[pool->workerCount];
    worker->pool = pool;
    worker->thread = thread;
    if (pthread_create(&worker->id, NULL, live, worker) != 0) {
      closePool(pool);
      return NULL;
    }
    pool->workerCount++;
  }
  return pool;
}

void run(struct Pool *pool, uint32_t kind, uint32_t model, int32_t count, uint32_t share) {
  if (!share || count < 2) {
    for (int32_t task = 0; task < count; task++) perform(pool->base, kind, model, 0, task);
    return;
  }
  pool->kind = kind;
  pool->model = model;
  pool->count = count;
  pool->done = 0;
  pool->remaining = count;
  wake(pool);
  drain(pool, 0);
  for (int spin = 0; spin < SPINS; spin++) {
    if (pool->done == count) return;
    relax();
  }
  pool->waiting = 1;
  pthread_mutex_lock(&pool->mutex);
  while (pool->done != count) pthread_cond_wait(&pool->finished, &pool->mutex);
  pthread_mutex_unlock(&pool->mutex);
  pool->waiting = 0;
}
