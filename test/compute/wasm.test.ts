import { createWasmEngine } from "../../src/compute/wasm/engine.ts";
import { describeEngine } from "./engine-contract.ts";
describeEngine("wasm", () => createWasmEngine({ threads: 1 }), 1e-5);
