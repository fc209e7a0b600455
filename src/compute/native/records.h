// Written by scripts/records.ts from src/compute/fused/records.ts, which says what the fields mean.

#include <stdint.h>

struct Layer {
  uint32_t inputs;
  uint32_t width;
  uint32_t weight;
  uint32_t bias;
  uint32_t transposed;
  uint32_t activation;
};

struct TrunkLayer {
  uint32_t height;
  uint32_t width;
  uint32_t planes;
  uint32_t kernel;
  uint32_t stride;
  uint32_t channels;
  uint32_t outHeight;
  uint32_t outWidth;
  uint32_t weight;
  uint32_t bias;
  uint32_t transposed;
  uint32_t activation;
  uint32_t windows;
  uint32_t columnStep;
  uint32_t rowStep;
};

struct Network {
  uint32_t depth;
  uint32_t layers;
  float floor;
  uint32_t outputs;
  uint32_t inputs;
  uint32_t headWeight;
  uint32_t headBias;
  uint32_t head;
  uint32_t delta;
  uint32_t headDelta;
  uint32_t trunkDepth;
  uint32_t trunk;
};

struct Convolution {
  uint32_t planes;
  uint32_t channels;
  uint32_t cells;
  uint32_t width;
  uint32_t weight;
  uint32_t bias;
  uint32_t layerWeight;
  uint32_t layerBias;
  uint32_t seenWeight;
  uint32_t seenBias;
};

struct Group {
  uint32_t active;
  float gradientScale;
  float stepSize;
  float secondScale;
};

struct Slice {
  uint32_t start;
  uint32_t bytes;
  uint32_t group;
};

struct Hyper {
  double beta1;
  double beta2;
  double adamEps;
  double clipRange;
  double valueClip;
  double entropyCoef;
  double valueCoef;
  double gateCoef;
  double advantageMean;
  double advantageScale;
  double perRow;
  double perTarget;
};

struct Model {
  uint32_t actions;
  uint32_t modules;
  uint32_t learned;
  uint32_t networks;
  uint32_t networkCount;
  uint32_t parameters;
  uint32_t firstMoments;
  uint32_t secondMoments;
  uint32_t gradients;
  uint32_t parameterBytes;
  uint32_t groups;
  uint32_t slices;
  uint32_t sliceCount;
  uint32_t seenSliceCount;
  uint32_t convolutions;
  uint32_t convolutionCount;
  uint32_t squares;
  uint32_t stats;
  uint32_t hyper;
  uint32_t scratch;
  uint32_t scratchBytes;
  uint32_t ping;
  uint32_t pong;
  uint32_t patch;
  uint32_t patchDelta;
  uint32_t line;
  uint32_t rows;
  uint32_t logitDelta;
  uint32_t mixture;
  uint32_t zeroScale;
  uint32_t lnScale;
  uint32_t outLogProbabilities;
  uint32_t outProbabilities;
  uint32_t outValues;
  uint32_t outWeights;
  uint32_t forwardRows;
  uint32_t forwardTaskRows;
  uint32_t stride;
  uint32_t counts;
  uint32_t features;
  uint32_t trainStride;
  uint32_t trainCounts;
  uint32_t trainFeatures;
  uint32_t taken;
  uint32_t oldLogProbabilities;
  uint32_t oldValues;
  uint32_t advantages;
  uint32_t returns;
  uint32_t moduleMask;
  uint32_t gateMask;
  uint32_t gateTarget;
  uint32_t indices;
  uint32_t batch;
};
