/** The pictures of README and docs. `npm run test:browser` takes them, so that they show what the product shows now. */
import { join } from "node:path";
import type { Page, PageScreenshotOptions } from "playwright-core";

/** True if this run takes the pictures: SCREENSHOTS names their folder. A test may then wait for more to be seen. */
export const takesPictures = process.env["SCREENSHOTS"] !== undefined;

/** Writes `name`, such as `dashboard.png`, if this run takes the pictures. */
export async function takePicture(page: Page, name: string, options: PageScreenshotOptions = {}): Promise<void> {
  const folder = process.env["SCREENSHOTS"];
  if (folder !== undefined) await page.screenshot({ ...options, path: join(folder, name) });
}
