import assert from "node:assert/strict";
import { test } from "node:test";
import { type Arrival, fromOwnMachine, isLoopbackHost } from "../../functions/runtime/own-machine.ts";

const curl: Arrival = {
  remoteAddress: "127.0.0.1",
  host: "127.0.0.1:3000",
  origin: undefined,
  fetchSite: undefined,
};

test("a program on this machine and the console's own page are the owner", () => {
  assert.equal(fromOwnMachine(curl), true);
  assert.equal(fromOwnMachine({ ...curl, host: "localhost:3000", origin: "http://localhost:3000" }), true);
  assert.equal(fromOwnMachine({ ...curl, remoteAddress: "::ffff:127.0.0.1", fetchSite: "same-origin" }), true);
  assert.equal(fromOwnMachine({ ...curl, remoteAddress: "::1", host: "[::1]:3000", fetchSite: "none" }), true);
});

test("a website in the user's browser is not the owner, nor is another machine", () => {
  const others: Partial<Arrival>[] = [
    { origin: "https://evil.example" },
    { origin: "http://127.0.0.1:8080" },
    { origin: "null" },
    { fetchSite: "cross-site" },
    { fetchSite: "same-site" },
    { host: "rebound.example:3000" },
    { host: "127.0.0.1.evil.example" },
    { host: undefined },
    { remoteAddress: "192.168.1.7" },
    { remoteAddress: undefined },
    { remoteAddress: "127.0.0.1.evil.example" },
  ];
  for (const change of others) assert.equal(fromOwnMachine({ ...curl, ...change }), false, JSON.stringify(change));
});

test("only loopback addresses are hosts that no other machine can reach", () => {
  for (const host of ["127.0.0.1", "127.8.0.1", "::1", "localhost"]) assert.equal(isLoopbackHost(host), true, host);
  for (const host of ["0.0.0.0", "::", "192.168.0.1", "1270.0.0.1", "localhost.example"])
    assert.equal(isLoopbackHost(host), false, host);
});
