/** The part of Amazon States Language that runs here: JSONata only, every other field and resource is refused by name. */
import { z } from "zod";
import type { Json } from "../../../shared/ports/orchestrator.ts";

const INVOKE = "arn:aws:states:::lambda:invoke";
export const INVOKE_AND_WAIT = "arn:aws:states:::lambda:invoke.waitForTaskToken";

const expression = z.string().regex(/^\{%[\s\S]*%\}$/, 'must be a number or an expression "{% … %}"');
const seconds = z.union([z.int().min(1).max(99_999_999), expression]);
const count = z.union([z.int().min(0), expression]);
const name = z.string().min(1).max(80);
const template = z.json() as z.ZodType<Json>;
const variables = z.record(z.string().regex(/^[A-Za-z_]\w{0,79}$/, "is no variable name"), template);

const Retrier = z.strictObject({
  ErrorEquals: z.array(z.string().min(1)).min(1),
  IntervalSeconds: z.int().min(1).max(99_999_999).default(1),
  BackoffRate: z.number().min(1).default(2),
  MaxAttempts: z.int().min(0).max(99_999_999).default(3),
  MaxDelaySeconds: z.int().min(1).max(31_622_399).optional(),
  JitterStrategy: z.enum(["FULL", "NONE"]).default("NONE"),
  Comment: z.string().optional(),
}); // defaults: the States language's
export type Retrier = z.infer<typeof Retrier>;

const Catcher = z.strictObject({
  ErrorEquals: z.array(z.string().min(1)).min(1),
  Next: name,
  Output: template.optional(),
  Assign: variables.optional(),
  Comment: z.string().optional(),
});
export type Catcher = z.infer<typeof Catcher>;

const common = {
  Comment: z.string().optional(),
  QueryLanguage: z.literal("JSONata").optional(),
  Output: template.optional(),
};
const transition = { ...common, Assign: variables.optional(), Next: name.optional(), End: z.literal(true).optional() };
const guarded = { ...transition, Retry: z.array(Retrier).optional(), Catch: z.array(Catcher).optional() };

const PassState = z.strictObject({ Type: z.literal("Pass"), ...transition });
const WaitState = z.strictObject({
  Type: z.literal("Wait"),
  ...transition,
  Seconds: z.union([z.int().min(0).max(99_999_999), expression]).optional(),
  Timestamp: z.string().optional(),
});
const SucceedState = z.strictObject({ Type: z.literal("Succeed"), ...common });
const FailState = z.strictObject({
  Type: z.literal("Fail"),
  Comment: common.Comment,
  QueryLanguage: common.QueryLanguage,
  Error: z.string().optional(),
  Cause: z.string().optional(),
});
const ChoiceState = z.strictObject({
  Type: z.literal("Choice"),
  ...common,
  Assign: variables.optional(),
  Choices: z
    .array(
      z.strictObject({
        Condition: z.union([z.boolean(), expression]),
        Next: name,
        Output: template.optional(),
        Assign: variables.optional(),
        Comment: z.string().optional(),
      }),
    )
    .min(1),
  Default: name.optional(),
});
const TaskState = z.strictObject({
  Type: z.literal("Task"),
  ...guarded,
  Resource: z.enum([INVOKE, INVOKE_AND_WAIT]),
  Arguments: z.strictObject({ FunctionName: z.string().min(1), Payload: template.optional() }),
  TimeoutSeconds: seconds.optional(),
  HeartbeatSeconds: seconds.optional(),
});

/** States with a beginning: a branch, an iteration, or the whole. */
export interface Machine {
  StartAt: string;
  States: Record<string, State>;
}
interface Processor extends Machine {
  ProcessorConfig: { Mode: "INLINE" } | { Mode: "DISTRIBUTED"; ExecutionType: "STANDARD" };
}
/** A whole state machine as it runs here; defaults are filled in. */
export interface Definition extends Machine {
  TimeoutSeconds?: number | undefined;
}

const machine = { StartAt: name, Comment: z.string().optional(), States: z.lazy(() => z.record(name, State)) };
const Branch: z.ZodType<Machine> = z.lazy(() => z.strictObject({ ...machine, QueryLanguage: common.QueryLanguage }));
const Mode = z.discriminatedUnion("Mode", [
  z.strictObject({ Mode: z.literal("INLINE") }),
  z.strictObject({ Mode: z.literal("DISTRIBUTED"), ExecutionType: z.literal("STANDARD") }),
]);
const Processor: z.ZodType<Processor> = z.lazy(() =>
  z.strictObject({
    ...machine,
    QueryLanguage: common.QueryLanguage,
    ProcessorConfig: Mode.default({ Mode: "INLINE" }),
  }),
);

const ParallelState = z.strictObject({
  Type: z.literal("Parallel"),
  ...guarded,
  Arguments: template.optional(),
  Branches: z.array(Branch).min(1),
});
const MapState = z.strictObject({
  Type: z.literal("Map"),
  ...guarded,
  Label: z.string().max(40).optional(),
  Items: z.union([z.array(template), expression]).optional(),
  ItemReader: z
    .strictObject({
      Resource: z.literal("arn:aws:states:::s3:getObject"),
      ReaderConfig: z.strictObject({
        InputType: z.literal("JSONL"),
        MaxItems: z.union([z.int().min(1), expression]).optional(),
      }),
      Arguments: z.strictObject({ Bucket: z.string().min(1), Key: z.string().min(1) }),
    })
    .optional(),
  ItemSelector: template.optional(),
  ItemBatcher: z
    .strictObject({
      MaxItemsPerBatch: count.optional(),
      MaxInputBytesPerBatch: count.optional(),
      BatchInput: template.optional(),
    })
    .optional(),
  MaxConcurrency: count.optional(),
  ToleratedFailureCount: count.optional(),
  ToleratedFailurePercentage: z.union([z.number().min(0).max(100), expression]).optional(),
  ResultWriter: z
    .strictObject({
      Resource: z.literal("arn:aws:states:::s3:putObject"),
      Arguments: z.strictObject({ Bucket: z.string().min(1), Prefix: z.string().min(1) }),
      WriterConfig: z.strictObject({ OutputType: z.literal("JSONL"), Transformation: z.literal("COMPACT") }),
    })
    .optional(),
  ItemProcessor: Processor,
});

type PassState = z.infer<typeof PassState>;
export type WaitState = z.infer<typeof WaitState>;
export type ChoiceState = z.infer<typeof ChoiceState>;
export type TaskState = z.infer<typeof TaskState>;
export type ParallelState = z.infer<typeof ParallelState>;
export type MapState = z.infer<typeof MapState>;
type SucceedState = z.infer<typeof SucceedState>;
export type FailState = z.infer<typeof FailState>;
export type State =
  | PassState
  | WaitState
  | ChoiceState
  | TaskState
  | ParallelState
  | MapState
  | SucceedState
  | FailState;

const State: z.ZodType<State> = z.discriminatedUnion("Type", [
  PassState,
  WaitState,
  ChoiceState,
  TaskState,
  ParallelState,
  MapState,
  SucceedState,
  FailState,
]);

export const Definition = z.strictObject({
  ...machine,
  QueryLanguage: z.literal("JSONata"),
  TimeoutSeconds: z.int().min(1).max(99_999_999).optional(),
  Version: z.literal("1.0").optional(),
});
