/** green = working, blue = busy, yellow = waiting or degraded, red = failed, grey = stopped. */
export type Colour = "green" | "blue" | "yellow" | "red" | "grey";
