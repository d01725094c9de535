// What tests outside of the page use of the engine of dense networks.

export { DEFAULTS } from "../engine/defaults";
export { ACTIVATIONS } from "./activations";
export { features, KINDS, pointSet } from "./datasets";
export { explained, lossFormula } from "./explanation";
export { sides } from "./formulas/equation";
export { MATHML, TEXT } from "./formulas/notation";
export { LOSSES } from "./losses";
export { Network } from "./network";
export { OUTPUTS } from "./output";
export { Descent, OPTIMIZERS, penalize } from "./optimizer";
export { Run } from "./run";
export { scheduled, SCHEDULES } from "./schedules";
