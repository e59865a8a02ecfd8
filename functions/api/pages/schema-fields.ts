/** A JSON schema as rows of a table. */

/** The part of JSON schema that zod's schemas come out as. */
export type Schema = {
  $ref?: string;
  type?: string | string[];
  description?: string;
  example?: unknown;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
};
type Schemas = Record<string, Schema>;
/** `form`: of a union the branch the field belongs to, from 1. */
export type Field = { name: string; required: boolean; form?: number; type: string; note: string };

/** Of an object; of a union those of all its branches. */
export function fieldsOf(schema: Schema, schemas: Schemas): Field[] {
  const { anyOf, oneOf, allOf = [], properties = {}, required = [] } = resolved(schema, schemas);
  const own = Object.entries(properties).map(([name, field]) => ({
    name,
    required: required.includes(name),
    type: typeOf(field, schemas),
    note: noteOf(resolved(field, schemas)),
  }));
  const forms = (anyOf ?? oneOf ?? []).map((branch) => fieldsOf(branch, schemas));
  return [
    ...own,
    ...allOf.flatMap((part) => fieldsOf(part, schemas)),
    ...forms.flatMap((fields, at) => fields.map((field) => ({ ...field, form: at + 1 }))),
  ];
}

export function resolved(schema: Schema, schemas: Schemas): Schema {
  const name = schema.$ref?.replace("#/components/schemas/", "");
  return name === undefined ? schema : (schemas[name] ?? schema);
}

const SHOWN_VALUES = 12;

/** In one line, e.g. `array of Claim`, `"full" | "thumbnail"`, `string | null`. */
export function typeOf(schema: Schema, schemas: Schemas): string {
  if (schema.$ref !== undefined) return schema.$ref.replace("#/components/schemas/", "");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) {
    const values = schema.enum.slice(0, SHOWN_VALUES).map((value) => JSON.stringify(value));
    return [...values, ...(schema.enum.length > SHOWN_VALUES ? ["…"] : [])].join(" | ");
  }
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches !== undefined) return branches.map((branch) => typeOf(branch, schemas)).join(" | ");
  if (schema.items !== undefined) return `array of ${typeOf(schema.items, schemas)}`;
  return plainType(schema);
}

function plainType({ type, format }: Schema): string {
  const name = Array.isArray(type) ? type.join(" | ") : (type ?? "any");
  return format === undefined ? name : `${name} (${format})`;
}

function noteOf({ description, default: preset, minimum, maximum, pattern }: Schema): string {
  return [
    description,
    preset === undefined ? undefined : `default ${JSON.stringify(preset)}`,
    minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : `at least ${minimum}`,
    maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : `at most ${maximum}`,
    pattern === undefined ? undefined : `as ${pattern}`,
  ]
    .filter((part) => part !== undefined)
    .join("; ");
}
