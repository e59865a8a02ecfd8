import { prepare } from "../../workers/prepare.ts";
import { workerHandler } from "./worker-handler.ts";

export const handler = workerHandler("prepare", prepare);
