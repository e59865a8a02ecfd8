/** The role in which GPU functions on Modal read and write the bucket: they prove who they are, no key is stored anywhere. */
import { accountArn, nameOf } from "./names.ts";
import type { Settings } from "./settings.ts";
import type { Bucket } from "./storage.ts";

/** Modal's issuer of identity tokens, and the audience it writes into them (Modal's guide on OIDC). */
const ISSUER = "oidc.modal.com";

/** Files of rounds and of the control: pairs, checkpoints, metrics, results. */
const TRAINING = ["runs/*/rounds/*", "runs/*/control/*"];

/** Only functions of this app, in this environment of this workspace, may take it. */
export function gpuRole(bucket: Bucket, settings: Settings): aws.iam.Role {
  const { RLAIFV_MODAL_WORKSPACE, RLAIFV_MODAL_ENVIRONMENT, RLAIFV_MODAL_APP, RLAIFV_MODAL_IDENTITY } = settings;
  if (RLAIFV_MODAL_IDENTITY === "create") {
    new aws.iam.OpenIdConnectProvider("ModalIdentity", { url: `https://${ISSUER}`, clientIdLists: [ISSUER] });
  }
  const app = `environment_name:${RLAIFV_MODAL_ENVIRONMENT}:app_name:${RLAIFV_MODAL_APP}`;
  const role = new aws.iam.Role("GpuRole", {
    name: nameOf("gpu"),
    assumeRolePolicy: aws.iam.getPolicyDocumentOutput({
      statements: [
        {
          actions: ["sts:AssumeRoleWithWebIdentity"],
          principals: [{ type: "Federated", identifiers: [accountArn("iam", `oidc-provider/${ISSUER}`)] }],
          conditions: [
            { test: "StringEquals", variable: `${ISSUER}:aud`, values: [ISSUER] },
            {
              test: "StringLike",
              variable: `${ISSUER}:sub`,
              values: [`modal:workspace_id:${RLAIFV_MODAL_WORKSPACE}:${app}:*`],
            },
          ],
        },
      ],
    }).json,
  });
  const at = (keys: string[]) => keys.map((key) => $interpolate`${bucket.arn}/${key}`);
  new aws.iam.RolePolicy("GpuPolicy", {
    role: role.name,
    policy: aws.iam.getPolicyDocumentOutput({
      statements: [
        { actions: ["s3:GetObject"], resources: at(["blobs/*", "batches/*", ...TRAINING]) },
        { actions: ["s3:PutObject", "s3:AbortMultipartUpload"], resources: at(["batches/*", ...TRAINING]) },
        { actions: ["s3:ListBucket"], resources: [bucket.arn] }, // tells a missing object from a forbidden one
      ],
    }).json,
  });
  return role;
}
