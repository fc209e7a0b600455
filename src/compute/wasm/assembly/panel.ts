import { BLOCK_ROWS } from "../../fused/constants";
import { PANEL } from "../panel";

/** Bytes from one panel of activations to the next. */
export const PANEL_BYTES = BLOCK_ROWS * PANEL * 4;
