import assert from "node:assert/strict";
import { test } from "node:test";
import * as sdk from "modal";
import { checkModalPackage, installedModal, loadModalProto, MODAL_VERSION } from "../../support/modal/proto.ts";

test("the package that is installed as modal is Modal's SDK, in the version that is pinned", () => {
  const { manifest } = installedModal();
  assert.equal(typeof sdk.ModalClient, "function");
  assert.match(manifest.repository.url, /github\.com\/modal-labs\/modal-client/);
  assert.equal(manifest.version, "0.11.1");
  assert.equal(manifest.version, MODAL_VERSION);
});

test("another package of that name, or another version of the SDK, is refused with the way out", () => {
  const { manifest } = installedModal();
  const dialog = { ...manifest, version: "1.2.0", repository: { url: "git://github.com/bengourley/modal.js.git" } };
  assert.throws(() => checkModalPackage(dialog), /bengourley\/modal\.js\.git, not Modal's SDK: pin modal@0\.11\.1/);
  assert.throws(
    () => checkModalPackage({ ...manifest, version: "0.12.0" }),
    /installed is 0\.12\.0: bump both together/,
  );
});

test("several readers of Modal's service at once get the same one", async () => {
  const [one, other] = await Promise.all([loadModalProto(), loadModalProto()]);
  assert.equal(one.ModalClientDefinition, other.ModalClientDefinition);
});
