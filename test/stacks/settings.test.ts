import assert from "node:assert/strict";
import { test } from "node:test";
import { deploySettings } from "../../stacks/settings.ts";

test("nothing has to be chosen", () => {
  assert.deepEqual(deploySettings({ HOME: "/home/me" }), {
    RLAIFV_REGION: "us-east-1",
    RLAIFV_MODAL_APP: "rlaifv",
    RLAIFV_MODAL_ENVIRONMENT: "main",
  });
});

test("an empty variable is an absent one", () => {
  assert.deepEqual(deploySettings({ RLAIFV_ALARM_EMAIL: "", RLAIFV_REGION: "" }), deploySettings({}));
});

test("choices are taken over", () => {
  const chosen = {
    RLAIFV_REGION: "eu-west-1",
    RLAIFV_MODAL_APP: "mine",
    RLAIFV_MODAL_ENVIRONMENT: "staging",
    RLAIFV_SERVE_URL: "https://mine--rlaifv-serve.modal.run",
    RLAIFV_CORS_ORIGIN: "http://localhost:5173",
    RLAIFV_DOMAIN: "rlaifv.example.org",
    RLAIFV_ALARM_EMAIL: "me@example.org",
  };
  assert.deepEqual(deploySettings(chosen), chosen);
});

for (const [name, value] of [
  ["RLAIFV_SERVE_URL", "mine--rlaifv-serve.modal.run"],
  ["RLAIFV_SERVE_URL", "http://mine--rlaifv-serve.modal.run"],
  ["RLAIFV_CORS_ORIGIN", "*"],
  ["RLAIFV_ALARM_EMAIL", "me"],
] as const) {
  test(`${name}=${value} is refused by name, with the way out`, () => {
    assert.throws(() => deploySettings({ [name]: value }), {
      message: new RegExp(`^${name}=${value.replaceAll(/[.*/]/g, "\\$&")}: .+; correct it or leave it out`),
    });
  });
}
