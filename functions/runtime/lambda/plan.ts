import { plan } from "../../workers/plan.ts";
import { workerHandler } from "./worker-handler.ts";

export const handler = workerHandler("plan", plan);
