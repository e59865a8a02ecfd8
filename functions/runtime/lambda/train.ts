import { trainTask } from "../cloud/tasks.ts";
import { workerHandler } from "./worker-handler.ts";

export const handler = workerHandler("train", trainTask);
