// SPDX-License-Identifier: GPL-2.0
/*
 * `reboot "0 tryboot"` on a Raspberry Pi with Debian's kernel.
 *
 * The firmware starts the partition of autoboot.txt's section [tryboot] once after it was told so
 * over its mailbox. Raspberry Pi's own kernel does that when the argument of a reboot holds
 * " tryboot"; the kernel as Linus Torvalds releases it, and so Debian's, does not. This module
 * adds that, and nothing else.
 */
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/of.h>
#include <linux/reboot.h>
#include <linux/string.h>
#include <soc/bcm2835/raspberrypi-firmware.h>

/* The property SET_REBOOT_FLAGS; its one flag so far is "try once". */
#define SET_REBOOT_FLAGS ((enum rpi_firmware_property_tag)0x00038064)
#define FLAG_TRYBOOT 1

static struct rpi_firmware *firmware;

static int tell_firmware(struct notifier_block *self, unsigned long action, void *argument)
{
	__le32 flags = cpu_to_le32(FLAG_TRYBOOT);
	int failure;

	if (action != SYS_RESTART || !argument || !strstr(argument, " tryboot"))
		return NOTIFY_DONE;
	failure = rpi_firmware_property(firmware, SET_REBOOT_FLAGS, &flags, sizeof(flags));
	if (failure)
		pr_err("appliance_tryboot: the firmware refuses to try a slot: %d\n", failure);
	else
		pr_info("appliance_tryboot: the firmware tries the other slot\n");
	return NOTIFY_DONE;
}

static struct notifier_block notifier = { .notifier_call = tell_firmware };

static int __init tryboot_init(void)
{
	struct device_node *node = rpi_firmware_find_node();
	int failure;

	if (!node)
		return -ENODEV;
	firmware = rpi_firmware_get(node);
	of_node_put(node);
	if (!firmware)
		return -EPROBE_DEFER;
	failure = register_reboot_notifier(&notifier);
	if (failure)
		rpi_firmware_put(firmware);
	return failure;
}

static void __exit tryboot_exit(void)
{
	unregister_reboot_notifier(&notifier);
	rpi_firmware_put(firmware);
}

module_init(tryboot_init);
module_exit(tryboot_exit);

/* So that it loads by itself where there is such a firmware, and nowhere else. */
static const struct of_device_id boards[] = { { .compatible = "raspberrypi,bcm2835-firmware" }, {} };
MODULE_DEVICE_TABLE(of, boards);
MODULE_DESCRIPTION("reboot \"0 tryboot\" for the firmware of Raspberry Pi");
MODULE_LICENSE("GPL");
