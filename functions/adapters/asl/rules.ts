/** Checks a definition before anything runs; what AWS would refuse, or would run otherwise than here, is named with its place. */
import type { z } from "zod";
import { Definition, type Machine, type MapState, type State } from "./definition.ts";
import { expressionProblem, RESERVED_NAMES } from "./expressions.ts";

/** Every problem at once, one a line: `States.Work.HeartbeatSeconds: …`. */
export class InvalidDefinition extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`the state machine cannot run here:\n${problems.join("\n")}`);
    this.name = "InvalidDefinition";
    this.problems = problems;
  }
}

const pathText = (path: readonly PropertyKey[]) =>
  path.reduce<string>(
    (text, part) => (typeof part === "number" ? `${text}[${part}]` : `${text}${text ? "." : ""}${String(part)}`),
    "",
  );

function schemaProblem(issue: z.core.$ZodIssue): string[] {
  if (issue.code !== "unrecognized_keys") return [`${pathText(issue.path)}: ${issue.message}`];
  return issue.keys.map((key) => `${pathText([...issue.path, key])}: this field is not known here`);
}

/** States.ALL must stand alone and in the last entry; asl-validator does not see that. */
function wildcardProblems(where: string, entries: readonly { ErrorEquals: string[] }[]): string[] {
  return entries.flatMap(({ ErrorEquals }, at) => {
    if (!ErrorEquals.includes("States.ALL")) return [];
    const place = `${where}[${at}].ErrorEquals`;
    const alone = ErrorEquals.length === 1 ? [] : [`${place}: States.ALL must stand alone`];
    const last = at === entries.length - 1 ? [] : [`${place}: States.ALL must be in the last entry`];
    return [...alone, ...last];
  });
}

function expressionProblems(where: string, value: unknown): string[] {
  if (typeof value === "string") {
    const problem = expressionProblem(value);
    return problem === undefined ? [] : [`${where}: ${problem}`];
  }
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, item]) => expressionProblems(`${where}.${key}`, item));
}

const DISTRIBUTED_ONLY = [
  "ItemReader",
  "ItemBatcher",
  "ResultWriter",
  "Label",
  "ToleratedFailureCount",
  "ToleratedFailurePercentage",
] as const;

function mapProblems(where: string, state: MapState): string[] {
  const inline = state.ItemProcessor.ProcessorConfig.Mode === "INLINE";
  const foreign = inline ? DISTRIBUTED_ONLY.filter((field) => state[field] !== undefined) : [];
  const both = state.Items !== undefined && state.ItemReader !== undefined;
  const { MaxItemsPerBatch, MaxInputBytesPerBatch } = state.ItemBatcher ?? {};
  const unbounded =
    state.ItemBatcher !== undefined && MaxItemsPerBatch === undefined && MaxInputBytesPerBatch === undefined;
  return [
    ...foreign.map((field) => `${where}.${field}: only a DISTRIBUTED map has it`),
    ...(both ? [`${where}.Items: there is an ItemReader already`] : []),
    ...(unbounded ? [`${where}.ItemBatcher: needs MaxItemsPerBatch or MaxInputBytesPerBatch`] : []),
  ];
}

function taskProblems(where: string, state: State & { Type: "Task" }): string[] {
  const { TimeoutSeconds, HeartbeatSeconds } = state;
  const deaf = HeartbeatSeconds !== undefined && !state.Resource.endsWith(".waitForTaskToken");
  const slow =
    typeof TimeoutSeconds === "number" && typeof HeartbeatSeconds === "number" && HeartbeatSeconds >= TimeoutSeconds;
  return [
    ...(deaf ? [`${where}.HeartbeatSeconds: only a waitForTaskToken task can send heartbeats`] : []),
    ...(slow ? [`${where}.HeartbeatSeconds: must be smaller than TimeoutSeconds`] : []),
  ];
}

function kindProblems(where: string, state: State): string[] {
  if (state.Type === "Map") return mapProblems(where, state);
  if (state.Type === "Task") return taskProblems(where, state);
  if (state.Type !== "Wait") return [];
  return (state.Seconds === undefined) === (state.Timestamp === undefined)
    ? [`${where}: needs either Seconds or Timestamp`]
    : [];
}

function transitionProblems(where: string, state: State): string[] {
  if (state.Type === "Choice" || state.Type === "Succeed" || state.Type === "Fail") return [];
  return (state.Next === undefined) === (state.End === undefined) ? [`${where}: needs either Next or End`] : [];
}

/** Every state a state can lead to. */
function targets(state: State): string[] {
  const choices = state.Type === "Choice" ? [...state.Choices.map(({ Next }) => Next), state.Default] : [];
  const next = "Next" in state ? [state.Next] : [];
  const caught = "Catch" in state ? (state.Catch ?? []).map(({ Next }) => Next) : [];
  return [...choices, ...next, ...caught].filter((target) => target !== undefined);
}

const ownFields = ({ States, StartAt, Branches, ItemProcessor, ...fields }: Record<string, unknown>) => fields;

const children = (state: State): [string, Machine][] => {
  if (state.Type === "Map") return [["ItemProcessor", state.ItemProcessor]];
  return state.Type === "Parallel" ? state.Branches.map((branch, at) => [`Branches[${at}]`, branch]) : [];
};

function assignedIn(state: State): string[] {
  const places = [
    state,
    ...("Catch" in state ? (state.Catch ?? []) : []),
    ...(state.Type === "Choice" ? state.Choices : []),
  ];
  return places.flatMap((place) => Object.keys(("Assign" in place ? place.Assign : undefined) ?? {}));
}

function stateProblems(where: string, state: State): string[] {
  return [
    ...transitionProblems(where, state),
    ...kindProblems(where, state),
    ...("Retry" in state ? wildcardProblems(`${where}.Retry`, state.Retry ?? []) : []),
    ...("Catch" in state ? wildcardProblems(`${where}.Catch`, state.Catch ?? []) : []),
    ...expressionProblems(where, ownFields(state)),
    ...assignedIn(state)
      .filter((name) => RESERVED_NAMES.has(name))
      .map((name) => `${where}.Assign.${name}: this name belongs to JSONata or Step Functions`),
  ];
}

/** `outer`: variables of the scopes around; AWS does not let an inner scope assign them. */
function machineProblems(where: string, machine: Machine, outer: readonly string[]): string[] {
  const known = Object.keys(machine.States);
  const own = Object.values(machine.States).flatMap(assignedIn);
  const lost = known.includes(machine.StartAt) ? [] : [`${where}StartAt: there is no state "${machine.StartAt}"`];
  const shadowed = own
    .filter((name) => outer.includes(name))
    .map((name) => `${where}States: "${name}" is assigned in an outer scope too`);
  const inner = Object.entries(machine.States).flatMap(([name, state]) => {
    const place = `${where}States.${name}`;
    const astray = targets(state).filter((target) => !known.includes(target));
    const distributed = state.Type === "Map" && state.ItemProcessor.ProcessorConfig.Mode === "DISTRIBUTED";
    return [
      ...astray.map((target) => `${place}: leads to "${target}", which is no state here`),
      ...stateProblems(place, state),
      ...children(state).flatMap(([field, child]) =>
        machineProblems(`${place}.${field}.`, child, distributed ? [] : [...outer, ...own]),
      ),
    ];
  });
  return [...lost, ...shadowed, ...inner];
}

const namesIn = (machine: Machine): string[] =>
  Object.entries(machine.States).flatMap(([name, state]) => [
    name,
    ...children(state).flatMap(([, child]) => namesIn(child)),
  ]);

/** States language: a name stands for one state in the whole machine, nested ones included. */
function repeatedNames(machine: Machine): string[] {
  const names = namesIn(machine);
  const repeated = new Set(names.filter((name, at) => names.indexOf(name) !== at));
  return [...repeated].map(
    (name) => `States.${name}: another state has this name; names are unique in the whole machine`,
  );
}

/** A definition that can run here. @throws InvalidDefinition naming every state and field that cannot */
export function parseDefinition(json: unknown): Definition {
  const parsed = Definition.safeParse(json);
  if (!parsed.success) throw new InvalidDefinition(parsed.error.issues.flatMap(schemaProblem));
  const problems = [...repeatedNames(parsed.data), ...machineProblems("", parsed.data, [])];
  if (problems.length > 0) throw new InvalidDefinition(problems);
  return parsed.data;
}

/** Names of the functions a definition calls literally, so that a missing one is told before the start. */
export function functionNames(machine: Machine): string[] {
  const names = Object.values(machine.States).flatMap((state) => {
    const own = state.Type === "Task" ? [state.Arguments.FunctionName] : [];
    return [...own, ...children(state).flatMap(([, child]) => functionNames(child))];
  });
  return [...new Set(names)].filter((name) => !name.startsWith("{%"));
}
