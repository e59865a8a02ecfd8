import { bytesField, concat, floatField, intField, message, textField } from "./protobuf.ts";

/** A dimension is a number, or a name where it is known only when the graph runs. */
export type Dimension = number | string;
export type Shape = readonly Dimension[];
export type ElementType = "float32" | "int64";

/** A value inside the graph: a name with a shape. `tracked` values have gradients. */
export type Value = { name: string; shape: Shape; type: ElementType; tracked: boolean };

export type Attribute = number | { float: number } | { ints: readonly number[] };
export type NodeOptions = { shape: Shape; attributes?: Record<string, Attribute>; domain?: string };

/** Gives the gradient of each input from the gradient of the output; `undefined` where an input has none. */
export type Vjp = (gradient: Value) => (Value | undefined)[];

const ELEMENT_CODE: Record<ElementType, number> = { float32: 1, int64: 7 }; // onnx.proto TensorProto.DataType
const IR_VERSION = 9;
const OPSET = 18;
/** The domain of ONNX Runtime's own operators, such as FusedMatMul. */
export const CONTRIB = "com.microsoft";

// Field numbers below are those of onnx.proto: NodeProto, AttributeProto, TensorProto, ValueInfoProto, GraphProto, ModelProto.
function attributeField(name: string, value: Attribute): Uint8Array {
  const header = textField(1, name);
  if (typeof value === "number") return message(5, header, intField(3, value), intField(20, 2));
  if ("float" in value) return message(5, header, floatField(2, value.float), intField(20, 1));
  return message(5, header, ...value.ints.map((item) => intField(8, item)), intField(20, 7));
}

function valueInfo(field: number, { name, shape, type }: Value): Uint8Array {
  const dimensions = shape.map((size) => message(1, typeof size === "string" ? textField(2, size) : intField(1, size)));
  const tensorType = message(1, intField(1, ELEMENT_CODE[type]), message(2, ...dimensions));
  return message(field, textField(1, name), bytesField(2, tensorType));
}

/**
 * An ONNX graph under construction, and the tape that reverse-mode differentiation walks back. Operators with gradients
 * (`ops.ts`) call `node` for the forward pass and `record` how their gradient is computed, as further nodes.
 */
export class Graph {
  readonly inputs: Value[] = [];
  readonly tape: { output: Value; inputs: readonly Value[]; vjp: Vjp }[] = [];
  readonly #nodes: Uint8Array[] = [];
  readonly #constants = new Map<string, { value: Value; field: Uint8Array }>();
  #names = 0;

  input(name: string, shape: Shape, options: { type?: ElementType; tracked?: boolean } = {}): Value {
    const value: Value = { name, shape, type: options.type ?? "float32", tracked: options.tracked ?? false };
    this.inputs.push(value);
    return value;
  }

  /** A constant held in the graph; equal small ones are stored once. */
  constant(data: Float32Array | BigInt64Array, shape: readonly number[]): Value {
    const type = data instanceof Float32Array ? "float32" : "int64";
    const key = data.length < 64 ? `${type}:${shape}:${data}` : `large ${this.#constants.size}`;
    const known = this.#constants.get(key);
    if (known) return known.value;
    const value: Value = { name: this.#name("c"), shape, type, tracked: false };
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const dimensions = shape.map((size) => intField(1, size));
    const field = message(
      5,
      ...dimensions,
      intField(2, ELEMENT_CODE[type]),
      textField(8, value.name),
      bytesField(9, raw),
    );
    this.#constants.set(key, { value, field });
    return value;
  }

  scalar(value: number): Value {
    return this.constant(Float32Array.of(value), []);
  }

  ints(values: readonly number[]): Value {
    return this.constant(BigInt64Array.from(values, BigInt), [values.length]);
  }

  /** Appends one operator with one output and no gradient. */
  node(operator: string, inputs: readonly Value[], options: NodeOptions): Value {
    return this.nodes(operator, inputs, [options.shape], options)[0]!;
  }

  /** Appends one operator with several outputs, one for each shape. */
  nodes(
    operator: string,
    inputs: readonly Value[],
    shapes: readonly Shape[],
    options: Omit<NodeOptions, "shape"> = {},
  ): Value[] {
    const outputs = shapes.map((shape): Value => ({ name: this.#name("v"), shape, type: "float32", tracked: false }));
    this.#nodes.push(
      message(
        1,
        ...inputs.map(({ name }) => textField(1, name)),
        ...outputs.map(({ name }) => textField(2, name)),
        textField(4, operator),
        ...Object.entries(options.attributes ?? {}).map(([name, value]) => attributeField(name, value)),
        ...(options.domain ? [textField(7, options.domain)] : []),
      ),
    );
    return outputs;
  }

  /** Says how the gradient of `output` reaches its inputs. Nothing is recorded where no input is tracked. */
  record(output: Value, inputs: readonly Value[], vjp: Vjp): Value {
    output.tracked = inputs.some(({ tracked }) => tracked);
    if (output.tracked) this.tape.push({ output, inputs, vjp });
    return output;
  }

  /** Appends the backward pass of a scalar `loss`; returns d loss / d value for each of `values`, in their order. */
  gradients(loss: Value, values: readonly Value[]): Value[] {
    const found = new Map<string, Value>([[loss.name, this.scalar(1)]]);
    for (const { output, inputs, vjp } of this.tape.toReversed()) {
      const gradient = found.get(output.name);
      if (!gradient) continue;
      vjp(gradient).forEach((part, i) => {
        const input = inputs[i]!;
        if (!part || !input.tracked) return;
        const sum = found.get(input.name);
        found.set(input.name, sum ? this.node("Add", [sum, part], { shape: input.shape }) : part);
      });
    }
    return values.map(({ name }) => {
      const gradient = found.get(name);
      if (!gradient) throw new Error(`gradient: the loss does not depend on "${name}"`);
      return gradient;
    });
  }

  /** The ONNX file with these outputs. */
  build(outputs: readonly Value[]): Uint8Array {
    const graph = concat([
      ...this.#nodes,
      textField(2, "graph"),
      ...[...this.#constants.values()].map(({ field }) => field),
      ...this.inputs.map((value) => valueInfo(11, value)),
      ...outputs.map((value) => valueInfo(12, value)),
    ]);
    const opsets = [
      { domain: "", version: OPSET },
      { domain: CONTRIB, version: 1 },
    ].map(({ domain, version }) => message(8, textField(1, domain), intField(2, version)));
    return concat([intField(1, IR_VERSION), bytesField(7, graph), ...opsets]);
  }

  #name(prefix: string): string {
    this.#names += 1;
    return `${prefix}${this.#names}`;
  }
}
