import assert from "node:assert/strict";
import { test } from "node:test";
import { deploySettings } from "../../stacks/settings.ts";

const RLAIFV_MODAL_WORKSPACE = "ac-12345abcd";

test("only the workspace has to be told", () => {
  assert.deepEqual(deploySettings({ HOME: "/home/me", RLAIFV_MODAL_WORKSPACE }), {
    RLAIFV_MODAL_WORKSPACE,
    RLAIFV_MODAL_IDENTITY: "create",
    RLAIFV_REGION: "us-east-1",
    RLAIFV_MODAL_APP: "rlaifv",
    RLAIFV_MODAL_ENVIRONMENT: "main",
  });
});

test("an empty variable is an absent one", () => {
  assert.deepEqual(
    deploySettings({ RLAIFV_MODAL_WORKSPACE, RLAIFV_ALARM_EMAIL: "" }),
    deploySettings({ RLAIFV_MODAL_WORKSPACE }),
  );
});

test("choices are taken over", () => {
  const chosen = {
    RLAIFV_MODAL_WORKSPACE,
    RLAIFV_MODAL_IDENTITY: "existing",
    RLAIFV_REGION: "eu-west-1",
    RLAIFV_MODAL_APP: "mine",
    RLAIFV_MODAL_ENVIRONMENT: "staging",
    RLAIFV_SERVE_URL: "https://mine--rlaifv-serve.modal.run",
    RLAIFV_SERVE_MODEL: "llava-1.5-7b",
    RLAIFV_CORS_ORIGIN: "http://localhost:5173",
    RLAIFV_DOMAIN: "rlaifv.example.org",
    RLAIFV_ALARM_EMAIL: "me@example.org",
  };
  assert.deepEqual(deploySettings(chosen), chosen);
});

for (const [name, value] of [
  ["RLAIFV_MODAL_WORKSPACE", ""],
  ["RLAIFV_MODAL_WORKSPACE", "mine"],
  ["RLAIFV_MODAL_WORKSPACE", "ac-*"],
  ["RLAIFV_SERVE_URL", "mine--rlaifv-serve.modal.run"],
  ["RLAIFV_SERVE_URL", "http://mine--rlaifv-serve.modal.run"],
  ["RLAIFV_CORS_ORIGIN", "*"],
  ["RLAIFV_ALARM_EMAIL", "me"],
] as const) {
  test(`${name}=${value} is refused by name, with the way out`, () => {
    assert.throws(() => deploySettings({ RLAIFV_MODAL_WORKSPACE, [name]: value }), {
      message: new RegExp(`^${name}=${value.replaceAll(/[.*/]/g, "\\$&")}: .+; set it and deploy again$`),
    });
  });
}
