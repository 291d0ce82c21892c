/* Loops written by hand, to measure the compiled executor against. Rows are tile-major. */

#include <stdint.h>
#include <stddef.h>

typedef uint64_t v8 __attribute__((vector_size(64), aligned(64)));

/* Carry-save adder: sum of a, b and c into *s, carry into *k. */
#define CSA(s, k, a, b, c) \
  do { v8 a_ = (a), b_ = (b), c_ = (c), u_ = a_ ^ b_; \
       (k) = (a_ & b_) | (u_ & c_); (s) = u_ ^ c_; } while (0)

#define ROW(r) (*(const v8 *)(tile + (size_t)(r) * row_words + at))

/* Counts in `bits` bit-planes from weight 16 on: add one carry. */
static inline void ripple(v8 *high, int bits, v8 carry) {
  for (int i = 0; i < bits; i++) { v8 t = high[i] & carry; high[i] ^= carry; carry = t; }
}

#define SIXTEEN(X) do { \
    v8 two0, two1, two2, two3, four0, four1, eight0, eight1; \
    CSA(ones, two0, ones, X(0), X(1));   CSA(ones, two1, ones, X(2), X(3)); \
    CSA(twos, four0, twos, two0, two1); \
    CSA(ones, two0, ones, X(4), X(5));   CSA(ones, two1, ones, X(6), X(7)); \
    CSA(twos, four1, twos, two0, two1);  CSA(fours, eight0, fours, four0, four1); \
    CSA(ones, two0, ones, X(8), X(9));   CSA(ones, two1, ones, X(10), X(11)); \
    CSA(twos, four0, twos, two0, two1); \
    CSA(ones, two2, ones, X(12), X(13)); CSA(ones, two3, ones, X(14), X(15)); \
    CSA(twos, four1, twos, two2, two3);  CSA(fours, eight1, fours, four0, four1); \
    CSA(eights, carry, eights, eight0, eight1); \
  } while (0)

/* One tile, one output: rows XOR masks, counted; `out` takes 4 + high planes. inputs % 16 == 0. */
void folded(const uint64_t *tile, size_t row_words, const uint64_t *masks, int inputs, int high,
            uint64_t *out) {
  for (size_t at = 0; at < row_words; at += 8) {
    v8 ones = {0}, twos = {0}, fours = {0}, eights = {0}, carry, plane[12] = {{0}};
    for (int i = 0; i < inputs; i += 16) {
#define X(j) (ROW(i + (j)) ^ masks[i + (j)])
      SIXTEEN(X);
#undef X
      ripple(plane, high, carry);
    }
    v8 low[4] = {ones, twos, fours, eights};
    for (int p = 0; p < 4; p++) *(v8 *)(out + p * row_words + at) = low[p];
    for (int p = 0; p < high; p++) *(v8 *)(out + (4 + p) * row_words + at) = plane[p];
  }
}

/* The same with weights in the rows behind the inputs: XNOR, counted. */
void xnor(const uint64_t *tile, size_t row_words, int inputs, int high, uint64_t *out) {
  for (size_t at = 0; at < row_words; at += 8) {
    v8 ones = {0}, twos = {0}, fours = {0}, eights = {0}, carry, plane[12] = {{0}};
    for (int i = 0; i < inputs; i += 16) {
#define X(j) (~(ROW(i + (j)) ^ ROW(inputs + i + (j))))
      SIXTEEN(X);
#undef X
      ripple(plane, high, carry);
    }
    v8 low[4] = {ones, twos, fours, eights};
    for (int p = 0; p < 4; p++) *(v8 *)(out + p * row_words + at) = low[p];
    for (int p = 0; p < high; p++) *(v8 *)(out + (4 + p) * row_words + at) = plane[p];
  }
}

/* Everything once through memory, a tile at a time. */
void folded_tiles(const uint64_t *data, size_t tiles, size_t tile_words, size_t row_words,
                  size_t skip, const uint64_t *masks, int outputs, int inputs, int high,
                  uint64_t *out) {
  for (size_t t = 0; t < tiles; t++)
    for (int o = 0; o < outputs; o++)
      folded(data + t * tile_words + skip * row_words, row_words, masks + (size_t)o * inputs,
             inputs, high, out + ((size_t)t * outputs + o) * (4 + high) * row_words);
}

void xnor_tiles(const uint64_t *data, size_t tiles, size_t tile_words, size_t row_words,
                size_t skip, int inputs, int high, uint64_t *out) {
  for (size_t t = 0; t < tiles; t++)
    xnor(data + t * tile_words + skip * row_words, row_words, inputs, high,
         out + t * (4 + high) * row_words);
}

/* Bandwidth: the XOR of everything. */
uint64_t stream(const uint64_t *data, size_t words) {
  v8 x[4] = {{0}};
  for (size_t i = 0; i + 32 <= words; i += 32)
    for (int j = 0; j < 4; j++) x[j] ^= *(const v8 *)(data + i + 8 * j);
  x[0] ^= x[1] ^ x[2] ^ x[3];
  uint64_t r = 0;
  for (int j = 0; j < 8; j++) r ^= x[0][j];
  return r;
}
