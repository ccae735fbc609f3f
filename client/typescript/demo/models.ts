/** What the page offers: models of the simulator, and model ids that make a call fail. */
export const MODELS: readonly { group: string; options: readonly (readonly [id: string, text: string])[] }[] = [
  { group: "Models", options: [["demo.model", "demo.model: the simulator's chat model"]] },
  {
    group: "Faults",
    options: [
      ["fault.throttling", "fault.throttling: throttled, retried, and then an error"],
      ["fault.flaky.3.throttling", "fault.flaky.3.throttling: throttled three times, then a response"],
      ["fault.throttling-daily", "fault.throttling-daily: a daily quota, which no retry helps"],
      ["fault.service-unavailable.after.3", "fault.service-unavailable.after.3: an error after three events"],
      ["fault.truncate.after.5", "fault.truncate.after.5: the stream breaks off after five events"],
      ["fault.stall.after.3", "fault.stall.after.3: nothing more after three events; press Stop"],
      ["fault.validation", "fault.validation: Bedrock rejects the request"],
      ["fault.access-denied", "fault.access-denied: the gateway's identity may not use the model"],
      ["fault.slow.2000", "fault.slow.2000: two seconds until the first event"],
    ],
  },
];
