import { dollars } from "../../../report/format.ts";
import type { RunView } from "../service.ts";

/** A share as a bar; `parts` lie one after the other and are cut at the end. */
export function Bar({ label, parts }: { label: string; parts: { share: number; tone: string }[] }) {
  const shares = parts.map(({ share }) => Math.max(0, Math.min(1, share)));
  const starts = shares.map((_, index) => shares.slice(0, index).reduce((sum, share) => sum + share, 0));
  return (
    <svg class="bar-svg" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class="ground" width="100" height="6" />
      {parts.map(({ tone }, index) => (
        <rect key={tone} class={tone} x={100 * starts[index]!} width={100 * shares[index]!} height="6" />
      ))}
    </svg>
  );
}

export function moneyText({ usd, settled_usd, reserved_usd }: RunView["budget"]): string {
  const reserved = reserved_usd > 0 ? `, ${dollars(reserved_usd)} reserved` : "";
  return `${dollars(settled_usd)} of ${dollars(usd)}${reserved}`;
}

export function MoneyMeter({ budget }: { budget: RunView["budget"] }) {
  const { usd, settled_usd, reserved_usd } = budget;
  const share = (part: number) => (usd === 0 ? 0 : part / usd);
  return (
    <div class="meter">
      <span>{moneyText(budget)}</span>
      <Bar
        label={`Spent ${moneyText(budget)}`}
        parts={[
          { share: share(settled_usd), tone: share(settled_usd + reserved_usd) > 0.9 ? "warn" : "full" },
          { share: share(reserved_usd), tone: "half" },
        ]}
      />
    </div>
  );
}
