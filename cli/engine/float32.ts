/*
 * Imported by what may load TensorFlow, which reads this once, as it is loaded: where it multiplies on a GPU that has TF32, it would keep 10
 * bits of every factor, not the float32 that is promised.
 */
process.env.NVIDIA_TF32_OVERRIDE ??= "0";
