// What tests outside of the page use of the engine of dense networks.

export { DEFAULTS } from "../engine/defaults";
export { ACTIVATIONS } from "./activations";
export { features, KINDS, pointSet } from "./datasets";
export { MATHML, TEXT, write } from "./formulas/notation";
export { sides } from "./formulas/equation";
export { LOSSES } from "./losses";
export { Network } from "./network";
export { Descent, OPTIMIZERS, penalize } from "./optimizer";
export { Run } from "./run";
export { scheduled, SCHEDULES } from "./schedules";
