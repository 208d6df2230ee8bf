// The official TypeScript SDK. It is called and answers as the contenders in Python do.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createArena } from "@aredotna/sdk";

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    items: { type: "string" },
    repeat: { type: "string", default: "1" },
  },
});

const arena = createArena({ baseUrl: values.url, token: "benchmark" });

async function read(group, tally) {
  for await (const page of arena.groups.paginateInvitations(group, { per: 100 })) {
    for (const item of page.data) {
      tally.items += 1;
      tally.ids += item.id;
      tally.characters += (item.invitee_email ?? "").length;
      tally.latest = item.created_at;
      if (tally.proof) tally.proof.push(`${item.id} ${item.invitee_email ?? ""}\n`);
    }
  }
}

function status(name) {
  try {
    const told = readFileSync("/proc/self/status", "ascii").match(`${name}:\\s*(\\d+)`);
    return told ? Number(told[1]) / 1024 : null;
  } catch {
    return null;
  }
}

function newTally() {
  return { items: 0, ids: 0, characters: 0, latest: null, proof: null };
}

const warm = { ...newTally(), proof: [] };
await read("warm-500", warm);
const digest = createHash("sha256").update(warm.proof.join("")).digest("hex");

const tally = newTally();
const resident = status("VmRSS") ?? process.memoryUsage.rss() / 2 ** 20;
const cpu = process.cpuUsage();
const wall = performance.now();
for (let turn = 0; turn < Number(values.repeat); turn += 1) {
  await read(`list-${values.items}-${turn}`, tally);
}
const used = process.cpuUsage(cpu);
const passed = performance.now() - wall;
const peak = status("VmHWM") ?? process.resourceUsage().maxRSS / 1024;

console.log(
  JSON.stringify({
    items: tally.items,
    checksum: `${digest}:${tally.ids}:${tally.characters}`,
    cpu: (used.user + used.system) / 1e6,
    wall: passed / 1e3,
    peak_rss: peak,
    rss_growth: Math.max(0, peak - resident),
  }),
);
