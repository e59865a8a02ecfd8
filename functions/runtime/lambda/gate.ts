import { gate } from "../../workers/gate.ts";
import { workerHandler } from "./worker-handler.ts";

export const handler = workerHandler("gate", gate);
