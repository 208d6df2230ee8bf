// Invitations of a group, with the official TypeScript SDK.
import { createArena } from "@aredotna/sdk";

const arena = createArena({
  baseUrl: process.env.ARENA_BASE_URL,
  token: process.env.ARENA_TOKEN,
});

let count = 0;
let characters = 0;
for await (const page of arena.groups.paginateInvitations("list-100", { per: 100 })) {
  for (const invitation of page.data) {
    count += 1;
    characters += (invitation.invitee_email ?? "").length;
  }
}
console.log(count, characters);
