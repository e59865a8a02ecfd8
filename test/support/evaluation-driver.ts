/** Goes on with the evaluations of a folder until it is killed. Usage: node evaluation-driver.ts FOLDER MODEL_AS_JSON */
import { ModelRef } from "../../shared/schemas/config.ts";
import { openEvaluations } from "./evaluation-service.ts";

const [folder = "", model = ""] = process.argv.slice(2);
const service = await openEvaluations(folder, { served: { vlm: ModelRef.parse(JSON.parse(model)) } });
await service.control.start();
