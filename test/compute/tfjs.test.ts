import { createTfjsEngine } from "../../src/compute/tfjs/engine.ts";
import { describeAgreement, describeEngine } from "./engine-contract.ts";

const createEngine = () => createTfjsEngine({ backend: "cpu" });

describeEngine("tfjs on cpu", createEngine, 2e-6);
describeAgreement("tfjs on cpu", createEngine, 2e-6);
