/**
 * Processor time that this process has used so far, ms: what a bound on work that grows out of hand is measured in. The time that
 * passes also tells how busy the machine is.
 */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
