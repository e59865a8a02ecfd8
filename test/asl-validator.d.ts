declare module "asl-validator" {
  function validate(definition: unknown): {
    isValid: boolean;
    errors: unknown[];
    errorsText: (separator?: string) => string;
  };
  export = validate;
}
