import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ExportLineage } from "../../shared/schemas/lineage.ts";
import { Report } from "../../shared/schemas/report.ts";
import { BACKENDS, openTestApi, problemIn } from "../support/api.ts";
import { finishedRun } from "../support/scored-run.ts";
import { tempFolder } from "../support/temp-folder.ts";

const UNZIP = `
import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
archive.extractall(sys.argv[2])
print("\\n".join(sorted(archive.namelist())))`;

/** Python's reader, not ours: its absence skips the test with a message. */
const PYTHON = spawnSync("python3", ["-c", "import zipfile"]).status === 0;

for (const backend of BACKENDS) {
  test(`${backend}: the zip holds every file of the dataset as its lineage lists them`, async (t) => {
    if (!PYTHON) return t.skip("python3 reads the zip");
    await using api = await openTestApi(backend);
    await using folder = await tempFolder("zip");
    const { runId } = await finishedRun(12, api.deps);
    const answer = await api.request(`/v1/runs/${runId}/dataset?round=1&format=jsonl`);
    assert.deepEqual(
      [answer.headers.get("content-type"), answer.headers.get("content-disposition")],
      ["application/zip", `attachment; filename="${runId}-round1-jsonl.zip"`],
    );
    const zip = join(folder.path, "dataset.zip");
    await writeFile(zip, new Uint8Array(await answer.arrayBuffer()));
    const { stdout, status, stderr } = spawnSync("python3", ["-c", UNZIP, zip, folder.path], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const lineage = ExportLineage.parse(JSON.parse(await readFile(join(folder.path, "lineage.json"), "utf8")));
    assert.deepEqual(
      stdout.trim().split("\n"),
      [...lineage.export.files.map(({ path }) => path), "lineage.json"].sort(),
    );
  });

  test(`${backend}: records are the lines alone, one a pair`, async () => {
    await using api = await openTestApi(backend);
    const { runId } = await finishedRun(12, api.deps);
    for (const format of ["jsonl", "rlaifv"]) {
      const answer = await api.request(`/v1/runs/${runId}/dataset?round=1&format=${format}&as=records`);
      const lines = (await answer.text()).trim().split("\n");
      const { total } = (await (await api.request(`/v1/runs/${runId}/pairs`)).json()) as { total: number };
      assert.deepEqual(
        [answer.status, lines.map((line) => typeof JSON.parse(line))],
        [200, Array(total).fill("object")],
      );
    }
  });
}

test("the same dataset is the same zip, byte by byte", async () => {
  await using api = await openTestApi();
  const { runId } = await finishedRun(6, api.deps);
  const zip = async () =>
    Buffer.from(await (await api.request(`/v1/runs/${runId}/dataset?round=1&format=trl`)).arrayBuffer());
  const first = await zip();
  await api.clock.advance(86_400_000);
  assert.ok(first.equals(await zip()));
});

test("a reader that leaves in the middle of a dataset leaves no fault", async () => {
  await using api = await openTestApi("sqlite");
  const { runId } = await finishedRun(12, api.deps);
  for (const as of ["zip", "records"]) {
    const answer = await api.request(`/v1/runs/${runId}/dataset?round=1&format=jsonl&as=${as}`);
    const reader = answer.body!.getReader();
    await reader.read();
    await reader.cancel();
  }
  assert.deepEqual(api.faults, []);
});

test("a round without pairs, and records of a format that has none, are refused", async () => {
  await using api = await openTestApi();
  const { runId } = await finishedRun(3, api.deps);
  const codes = [];
  for (const query of [
    "round=2",
    "round=1&format=parquet&as=records",
    "format=jsonl",
    "round=1e99",
    "round=1&format=csv",
  ]) {
    codes.push((await problemIn(api.request(`/v1/runs/${runId}/dataset?${query}`))).code);
  }
  assert.deepEqual(codes, ["round.not_found", "dataset.no_records", "query.invalid", "query.invalid", "query.invalid"]);
});

test("the report comes as JSON and as a page", async () => {
  await using api = await openTestApi();
  const { runId } = await finishedRun(5, api.deps);
  const json = await api.request(`/v1/runs/${runId}/report`);
  assert.equal(Report.parse(await json.json()).run.id, runId);
  const page = await api.request(`/v1/runs/${runId}/report?format=html`);
  assert.match(await page.text(), /<!doctype html>/i);
  assert.match(page.headers.get("content-security-policy") ?? "", /^default-src 'none'; style-src 'unsafe-inline'/);
});
