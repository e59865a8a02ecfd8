/**
 * Text of users and models is data for the next model. Servers tokenize a whole prompt in one go, so a control token that
 * stands in such text opens a turn, or takes the image's place (huggingface/transformers #47217, vllm-project/vllm #57740).
 */

/** `<|…|>` of ChatML, Llama 3, Phi, Qwen, MiniCPM; `<｜…｜>` of DeepSeek; `<|…>` and `<…|>` of Gemma 4. No known one is longer. */
const PIPED = /<(?=[|｜][^\s<>]{1,64}>|[^\s<>]{1,64}[|｜]>)/g;

/** Names between `<` or `</` and `>`. */
const ANGLED = [
  "s", // SentencePiece: Llama 1 and 2, Vicuna, Mistral
  "unk",
  "pad",
  "mask",
  "bos", // Gemma
  "eos",
  "start_of_turn",
  "end_of_turn",
  "start_of_image",
  "end_of_image",
  "image_soft_token",
  "unused\\d+",
  "image", // LLaVA, MiniCPM-V, InternVL, Idefics: where the image goes
  "video",
  "audio",
  "image_id",
  "image_placeholder", // DeepSeek-VL
  "image-placeholder", // LLaVA
  "slice", // MiniCPM-V
  "im_start", // LLaVA, OmniLMM, Molmo
  "im_end",
  "im_patch",
  "im_col",
  "img", // Qwen-VL, InternVL
  "IMG_CONTEXT",
  "ref",
  "box",
  "quad",
  "point",
  "fake_token_around_image", // Idefics
  "global-img",
  "row_\\d+_col_\\d+",
  "end_of_utterance",
  "loc\\d{4}", // PaliGemma
  "seg\\d{3}",
  "think", // Qwen 3, DeepSeek-R1
  "tool_call",
  "tool_response",
];

/** Names between `[` or `[/` and `]`. */
const SQUARE = [
  "INST", // Llama 2, Mistral
  "IMG", // Pixtral
  "IMG_BREAK",
  "IMG_END",
  "SYSTEM_PROMPT", // Mistral
  "AVAILABLE_TOOLS",
  "TOOL_CALLS",
  "TOOL_RESULTS",
  "TOOL_CONTENT",
  "PREFIX",
  "SUFFIX",
  "MIDDLE",
  "THINK",
  "UNUSED_TOKEN_\\d+", // InternLM
];

const NAMED = new RegExp(`<(?=/?(?:${ANGLED.join("|")})>)|\\[(?=/?(?:${SQUARE.join("|")})\\])`, "g");
const SYSTEM = /<(?=<\/?SYS>>)/g; // Llama 2

/**
 * The text with a space behind the first character of every control token of the common families, so that no tokenizer takes
 * it for one; all other text stays as it is, and a second time changes nothing. Words that only look like turns ("USER:")
 * are ordinary words and stay.
 */
export function neutraliseControlTokens(text: string): string {
  if (!text.includes("<") && !text.includes("[")) return text;
  return text.replace(PIPED, "< ").replace(SYSTEM, "< ").replace(NAMED, "$& ");
}
