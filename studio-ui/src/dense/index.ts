// What tests outside of the page use of the engine of dense networks.

export { ACTIVATIONS } from "./activations";
export { LOSSES } from "./losses";
export { Network } from "./network";
export { Descent, OPTIMIZERS, penalize } from "./optimizer";
export { learningRate, SCHEDULES } from "./schedules";
