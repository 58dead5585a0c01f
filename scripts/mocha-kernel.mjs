/** Before tests from sources: the kernel they read pages with. */
import { ensureKernel } from "./kernel.mjs";

export const mochaGlobalSetup = ensureKernel;
